"""`Keyboard`: the keys that are down, and which of them a page has answered already."""

from ui.keys import Key


class Keyboard:
    """The keys that are down, in the order in which they were pressed."""

    def __init__(self) -> None:
        self.down: dict[int, Key] = {}  # by number
        self._served: set[int] = set()  # the numbers of those that did something in the window: they do not play

    def press(self, key: Key) -> None:
        """A key goes down."""
        self.down[key.number] = key

    def release(self, key: Key) -> None:
        """A key goes up."""
        self.down.pop(key.number, None)
        self._served.discard(key.number)

    def serve(self, key: Key) -> None:
        """A key that is down has done something in the window: until it goes up it is no key of a game."""
        self._served.add(key.number)

    def clear(self) -> None:
        """The window has lost the focus: it gets no event for keys that are released now."""
        self.down.clear()
        self._served.clear()

    @property
    def unserved(self) -> list[Key]:
        """The keys that are down and may play."""
        return [key for number, key in self.down.items() if number not in self._served]
