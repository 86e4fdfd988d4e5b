"""Replays of games: their files, how they are recorded, and how they are played again. No window and no torch is needed."""
