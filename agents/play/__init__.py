"""Agents in seats of games, matches between them, and their evaluation."""
