"""Gymnasium's environments, to train in."""
