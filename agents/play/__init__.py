"""Agents in seats, matches between them, and their evaluation."""
