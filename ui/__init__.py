"""The Pygame application: a match in a window. `ui.window.play` opens it."""
