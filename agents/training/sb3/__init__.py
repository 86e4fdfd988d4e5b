"""Stable-Baselines3's own learners, as the reference."""
