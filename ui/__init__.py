"""The Pygame application: a match in a window, opened by `ui.window.play`."""
