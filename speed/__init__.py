"""The benchmarks of `bench.py`: `env`, `train`, `play` and `time_to_target` (its `usual`).

`env_baselines`, `learner_baselines` and `remote_peer` are what ours is compared with; `rows` measures and prints.
"""
