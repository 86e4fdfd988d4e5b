"""Simulated people and odd players: opponents who play unlike a game's bot."""
