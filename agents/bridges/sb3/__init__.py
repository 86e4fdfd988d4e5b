"""Stable-Baselines3 on our games, and its saved agents in seats of our games."""

from agents.bridges.sb3.environment import SparringVecEnv

__all__ = ["SparringVecEnv"]
