"""The check that the installed `pygame` is pygame-ce: the older package Pygame has the same import name."""

from games.errors import UserError


def require_pygame_ce() -> None:
    """`UserError` if `import pygame` gives another package than pygame-ce; `ImportError` if none is installed."""
    import pygame

    if not getattr(pygame, "IS_CE", False):
        raise UserError(
            "The installed pygame is not pygame-ce, which Sparring draws with; both have the same import name.\n"
            "Replace it: pip uninstall pygame\n"
            "Then: pip install --force-reinstall pygame-ce"
        )
