"""Plays the sounds of `ui.tones`. Without a sound device it is silent, and nobody is told of an error."""

import threading
from typing import Protocol

import numpy as np

from ui.tones import RATE, TONES, synthesize

LOUDER = 0.1  # of the volume, a press of its key
CHANNELS = 12  # sounds at once; the oldest makes way for one more
BUFFER = 512  # samples that the device asks for at once: 12 ms
DEVICE = threading.Lock()  # Pygame has one mixer for all windows of a process, the last of which may still be opening it
AGAIN = 3  # ticks within which the same sound is not begun once more


class Speaker(Protocol):
    """A device for sounds."""

    def open(self, sounds: dict[tuple[str, int], np.ndarray]) -> None:
        """Get ready to play some sounds, int16 [samples, 2] by name and steps higher."""

    def play(self, name: str, higher: int, left: float, right: float) -> None:
        """Begin a sound; left, right: how loud, 0 to 1. Nothing is heard until it is open, or where there is no device."""

    def close(self) -> None:
        """Fall silent and give the device back."""


class Mixer:
    """Pygame's mixer."""

    def __init__(self) -> None:
        self._sounds: dict = {}
        self._lock = threading.Lock()
        self._closed = False

    def open(self, sounds: dict[tuple[str, int], np.ndarray]) -> None:
        """Open the device; it may take a second. Leaves the speaker silent if there is none."""
        import pygame

        with DEVICE:
            if self._closed:
                return
            try:
                pygame.mixer.init(RATE, -16, 2, BUFFER, allowedchanges=0)
                pygame.mixer.set_num_channels(CHANNELS)
                ready = {key: pygame.mixer.Sound(buffer=wave.tobytes()) for key, wave in sounds.items()}
            except (pygame.error, NotImplementedError):  # no device, or a Pygame without a mixer
                return
            with self._lock:
                if self._closed:
                    del ready  # before the mixer, whose memory they use
                    pygame.mixer.quit()
                else:
                    self._sounds = ready

    def play(self, name: str, higher: int, left: float, right: float) -> None:
        """Begin a sound, if the device is open."""
        import pygame

        if sound := self._sounds.get((name, higher)):
            channel = pygame.mixer.find_channel(force=True)
            channel.play(sound)
            channel.set_volume(left, right)  # not before: to play sets it to 1

    def close(self) -> None:
        """Give the device back; a device that still opens is given back then."""
        import pygame

        with self._lock:
            self._closed = True
            if self._sounds:
                self._sounds = {}
                with DEVICE:
                    pygame.mixer.quit()


class Silence:
    """No device."""

    def open(self, sounds: dict[tuple[str, int], np.ndarray]) -> None:
        """Nothing is opened."""

    def play(self, name: str, higher: int, left: float, right: float) -> None:
        """Nothing is heard."""

    def close(self) -> None:
        """Nothing was open."""


class Sounds:
    """The window's sounds: volume, mute, and which is played how."""

    def __init__(self, volume: float, muted: bool, speaker: Speaker):
        """volume: 0 to 1."""
        self.volume, self.muted, self.speaker = volume, muted, speaker
        self._thread = threading.Thread(target=self._open, name="sound", daemon=True)
        self._begun: dict[tuple[str, float], int] = {}  # the tick of each sound's last beginning
        self._tick = 0

    def start(self) -> None:
        """Make the sounds and open the device in a thread. Call it once the window is there; later calls do nothing."""
        if self._thread.ident is None and self.is_heard:
            self._thread.start()

    @property
    def is_heard(self) -> bool:
        """Whether there are sounds in this window, muted or not."""
        return not isinstance(self.speaker, Silence)

    def close(self) -> None:
        """Fall silent."""
        self.speaker.close()

    def tick(self) -> None:
        """Count a tick of the window."""
        self._tick += 1

    def play(self, name: str, higher: int = 0, loudness: float = 1.0, across: float = 0.5) -> None:
        """Begin a sound, unless it began a moment ago or all are muted.

        higher: by so many steps of the scale.    loudness: how loud beside the others, 0 to 1.
        across: where in the picture, 0 (left) to 1; a little of it is heard.
        """
        loud = loudness * self.volume**2  # ears hear the square of a volume as even steps
        key = (name, loudness)
        if self.muted or loud <= 0.0 or self._tick - self._begun.get(key, -AGAIN) < AGAIN:
            return
        self._begun[key] = self._tick
        side = 0.6 * (min(max(across, 0.0), 1.0) - 0.5)
        self.speaker.play(
            name, min(max(higher, 0), TONES[name].range), loud * min(1.0, 1.0 - side), loud * min(1.0, 1.0 + side)
        )

    def louder(self, times: int) -> None:
        """Raise the volume by so many presses of its key, or lower it; they are heard again."""
        self.volume = round(min(max(self.volume + times * LOUDER, 0.0), 1.0), 2)
        self.muted = False

    def _open(self) -> None:
        self.speaker.open({(name, k): synthesize(name, k) for name, tone in TONES.items() for k in range(tone.range + 1)})
