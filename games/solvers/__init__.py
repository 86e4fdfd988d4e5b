"""Perfect play, where a game is small enough for it: what agents' moves are compared with."""
