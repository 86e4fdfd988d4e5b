"""What `bench.py` measures: a module each for env, train and play; peers: what train compares; rows: how figures are taken."""
