"""What `bench.py` measures: a module each for env, train, play, usual; peers, apart, others: who is beside us; rows: how."""
