"""The sounds of the window, made by code: short soft notes of one pentatonic scale, so that any two sound well together."""

from dataclasses import dataclass

import numpy as np

RATE = 44_100  # samples a second
LOWEST = 261.63  # Hz, step 0 of the scale: the C in the middle of a piano
SCALE = (0, 2, 4, 7, 9)  # semitones of its five notes above C; then the next octave
PEAK = 0.5  # of the loudest sound, 1 being the loudest that there is: many may sound at once
ATTACK, RELEASE = 0.004, 0.012  # seconds in which a note swells and ends, or it would click


@dataclass(frozen=True)
class Timbre:
    """The colour of a note: how loud its overtones are, and how soon each fades."""

    overtones: tuple[tuple[float, float, float], ...]  # (times the frequency, loudness, half-lives in a second)


WOOD = Timbre(((1.0, 1.0, 22.0), (3.9, 0.16, 60.0)))  # a mallet on wood
BELL = Timbre(((1.0, 1.0, 7.0), (2.0, 0.22, 11.0), (3.0, 0.06, 18.0)))
DULL = Timbre(((1.0, 1.0, 30.0), (2.0, 0.10, 50.0)))


@dataclass(frozen=True)
class Tone:
    """A sound: notes one after another. `range`: it also exists so many steps higher."""

    steps: tuple[int, ...]  # of the scale, a note each
    timbre: Timbre
    seconds: float  # of a note
    interval: float = 0.0  # seconds from one note to the next
    loud: float = 1.0  # in units of PEAK
    range: int = 0


TONES = {
    "hit": Tone((3,), WOOD, 0.20, loud=0.75, range=9),
    "bounce": Tone((0,), DULL, 0.12, loud=0.32),
    "break": Tone((6,), WOOD, 0.16, loud=0.5, range=8),
    "pick": Tone((6, 8), BELL, 0.22, 0.06, loud=0.5),
    "disc": Tone((0,), WOOD, 0.22, loud=0.8, range=6),
    "point": Tone((5, 7), BELL, 0.34, 0.09, loud=0.6),
    "lost": Tone((3, 1), BELL, 0.38, 0.11, loud=0.6),
    "win": Tone((5, 7, 8, 10), BELL, 0.60, 0.12, loud=0.8),
    "loss": Tone((5, 3, 2, 0), BELL, 0.60, 0.16, loud=0.65),
    "draw": Tone((5, 4, 5), BELL, 0.50, 0.14, loud=0.6),
    "count": Tone((5,), BELL, 0.22, loud=0.45),
    "go": Tone((10,), BELL, 0.40, loud=0.5),
    "move": Tone((7,), DULL, 0.07, loud=0.22),
    "confirm": Tone((5, 8), BELL, 0.24, 0.06, loud=0.4),
}


def frequency(step: int) -> float:
    """The frequency of a step of the scale in Hz.

    >>> frequency(0), round(frequency(5), 2), round(frequency(3) / frequency(0), 3)
    (261.63, 523.26, 1.498)
    """
    octave, note = divmod(step, len(SCALE))
    return LOWEST * 2.0 ** (octave + SCALE[note] / 12.0)


def note(hertz: float, seconds: float, timbre: Timbre) -> np.ndarray:
    """A note that swells in a moment and fades, float64 [samples], at most 1 in size."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = sum(loud * 2.0 ** (-fades * t) * np.sin(2.0 * np.pi * hertz * times * t) for times, loud, fades in timbre.overtones)
    edges = np.clip(t / ATTACK, 0.0, 1.0) * np.clip((seconds - t) / RELEASE, 0.0, 1.0)
    return np.asarray(wave * edges / sum(loud for _, loud, _ in timbre.overtones))


def synthesize(name: str, higher: int = 0) -> np.ndarray:
    """A sound as int16 [samples, 2], left and right; `KeyError` if there is none of this name.

    higher: by so many steps of the scale, up to the sound's range.
    """
    tone = TONES[name]
    higher = min(max(higher, 0), tone.range)
    starts = [round(k * tone.interval * RATE) for k in range(len(tone.steps))]
    wave = np.zeros(starts[-1] + round(tone.seconds * RATE))
    for start, step in zip(starts, tone.steps, strict=True):
        single = note(frequency(step + higher), tone.seconds, tone.timbre)
        wave[start : start + len(single)] += single
    wave *= PEAK * tone.loud / max(float(np.abs(wave).max()), 1e-9)
    return np.repeat(np.round(wave * 32767.0).astype(np.int16)[:, None], 2, axis=1)
