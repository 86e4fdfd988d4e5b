"""Runs: configuration, the loop, checkpoints, logs, many seeds."""
