"""Pictures for people, painted with Pygame."""
