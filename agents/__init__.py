"""Agents: networks, learners, files and matches."""
