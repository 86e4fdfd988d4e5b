"""The window's sounds: as arrays, at which moment each is played, and silence where there is no device."""

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pygame
import pytest

import games
from games.core import CUES, ME, OTHER
from ui import settings, tones
from ui.cast import Cast
from ui.highlights import Highlights
from ui.moments import BOUNCE, BREAK, CUED, HIT, LEFT, MOVED, PLACED, POINT, Moment
from ui.seats import Seat
from ui.sound import AGAIN, Mixer, Sounds
from ui.soundtrack import RIVAL, Soundtrack
from ui.tones import RATE, SCALE, TONES, frequency, synthesize
from ui.window import open_match

from tests.ui.test_window import BOT, HUMAN, ROOT, key, tap, turns  # isort: skip


class Recorder:
    """A speaker that writes down what it is to play."""

    def __init__(self):
        self.sounds, self.played = {}, []

    def open(self, sounds):
        self.sounds = sounds

    def play(self, name, higher, left, right):
        self.played.append((name, higher, left, right))

    def close(self):
        self.played.append("closed")

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.played]


@pytest.fixture
def heard():
    """`heard("pong", seats…)`: a recorder, and the soundtrack of a match that plays on it."""

    def soundtrack(name, *seats):
        recorder, cast = Recorder(), Cast(games.load(name), list(seats))
        return recorder, Soundtrack(Sounds(1.0, False, recorder), cast, Highlights(cast))

    return soundtrack


@pytest.fixture
def start():
    """Opens a window with a recorder in the place of a sound device."""

    def open_app(game, *seats, **more):
        recorder = Recorder()
        app = open_match(games.load(game), seats, seed=5, size=(500, 560), speaker=recorder, **{"ready": False, **more})
        opened.append(app)
        app.page.load()
        return app, recorder

    opened = []
    yield open_app
    for app in opened:
        app.close()


# --- the arrays ---


@pytest.mark.parametrize("name", TONES)
def test_each_sound_is_short_soft_and_ends_in_silence(name):
    tone = TONES[name]
    for higher in (0, tone.range):
        wave = synthesize(name, higher)
        assert wave.dtype == np.int16 and wave.flags.c_contiguous and wave.shape[1] == 2
        seconds = (len(tone.steps) - 1) * tone.interval + tone.seconds
        assert wave.shape[0] == pytest.approx(seconds * RATE, abs=2) and seconds < 1.2
        peak = np.abs(wave.astype(int)).max()
        assert peak == pytest.approx(tones.PEAK * tone.loud * 32767, abs=1)
        assert 0.05 * 32767 < peak < 0.6 * 32767  # to be heard, and far from clipping though some sound at once
        assert np.abs(wave[[0, -1]].astype(int)).max() < 0.001 * 32767  # no click
        assert np.abs(np.diff(wave[:, 0].astype(int))).max() < 0.2 * 32767  # nothing harsh


def fundamental(wave: np.ndarray) -> float:
    """The strongest frequency of a sound in Hz."""
    mono = wave[:, 0] * np.hanning(len(wave))
    spectrum = np.abs(np.fft.rfft(mono, 1 << 17))
    return float(spectrum.argmax() * RATE / (1 << 17))


@pytest.mark.parametrize("name", [name for name, tone in TONES.items() if len(tone.steps) == 1])
def test_a_sound_has_the_pitch_of_its_step(name):
    for higher in (0, TONES[name].range):
        assert fundamental(synthesize(name, higher)) == pytest.approx(frequency(TONES[name].steps[0] + higher), rel=0.01)


def test_a_melody_goes_from_note_to_note():
    tone, wave = TONES["win"], synthesize("win")
    length = round(tone.interval * RATE)
    heads = [wave[k * length : (k + 1) * length] for k in (0, len(tone.steps) - 1)]
    assert [round(fundamental(head)) for head in heads] == pytest.approx([523, 1047], rel=0.03)


def test_any_two_notes_sound_well_together():
    """No two steps of the scale are a semitone or a tritone from each other, in any octave."""
    semitones = [12 * np.log2(frequency(step) / tones.LOWEST) for step in range(2 * len(SCALE))]
    assert semitones == pytest.approx([0, 2, 4, 7, 9, 12, 14, 16, 19, 21])
    apart = {round(abs(a - b)) % 12 for a in semitones for b in semitones}
    assert not apart & {1, 6, 11}


# --- which sound when ---


def test_each_moment_has_its_sound(heard):
    recorder, soundtrack = heard("pong", HUMAN, BOT)
    sounds = {
        "hit": Moment(HIT, code=ME), "bounce": Moment(BOUNCE), "break": Moment(BREAK), "pick": Moment(BREAK, number=2),
        "disc": Moment(PLACED), "point": Moment(POINT, seat=0, reward=1.0), "lost": Moment(POINT, seat=1, reward=1.0),
    }  # fmt: skip
    for name, moment in sounds.items():
        recorder.played.clear()
        soundtrack.follow(0, [moment])
        assert recorder.names == [name]
    recorder.played.clear()
    soundtrack.sounds._begun.clear()
    soundtrack.follow(0, [Moment(LEFT), Moment(POINT, seat=1, reward=1.0)])
    assert recorder.names == ["lost"]  # once
    soundtrack.sounds._begun.clear()
    soundtrack.follow(0, [Moment(LEFT)])
    soundtrack.follow(0, [Moment(MOVED)])
    assert recorder.names == ["lost", "lost", "disc"]


def test_pitch_follows_speed_rally_height_and_bricks_in_a_row(heard):
    recorder, soundtrack = heard("pong", HUMAN, BOT)
    highlights = soundtrack.highlights
    for moment in (Moment(HIT, speed=1.0), Moment(HIT, speed=2.2), Moment(PLACED, y=78.0), Moment(PLACED, y=18.0)):
        soundtrack.sounds._begun.clear()
        soundtrack.follow(0, [moment])
    assert [higher for _, higher, *_ in recorder.played] == [0, 6, 0, 5]
    recorder.played.clear()
    for k in range(24):
        moments = [Moment(HIT, code=(ME, OTHER)[k % 2], speed=1.0)]
        highlights.follow(0, moments)
        soundtrack.sounds._begun.clear()
        soundtrack.follow(0, moments)
    pitches = [higher for _, higher, *_ in recorder.played]
    assert pitches == sorted(pitches) and pitches[-1] == 8
    recorder.played.clear()
    for _ in range(3):
        highlights.follow(0, [Moment(BREAK)])
        soundtrack.sounds._begun.clear()
        soundtrack.follow(0, [Moment(BREAK)])
    assert [higher for _, higher, *_ in recorder.played] == [0, 1, 2]


def test_sounds_come_from_where_they_happen_and_a_rivals_are_quiet(heard):
    recorder, soundtrack = heard("breakout", HUMAN, BOT)
    soundtrack.follow(0, [Moment(HIT, x=0.0)])
    soundtrack.follow(1, [Moment(HIT, x=84.0)])
    (_, _, left, right), (_, _, quiet_left, quiet_right) = recorder.played
    assert left > right and quiet_left < quiet_right
    assert quiet_right == pytest.approx(RIVAL * left)


def test_a_games_cues_replace_what_is_found_in_its_picture(heard):
    recorder, soundtrack = heard("pong", HUMAN, BOT)
    soundtrack.follow(0, [Moment(BOUNCE), Moment(CUED, cues=("pick", "loss"))])
    assert recorder.names == ["pick", "lost"]
    recorder.played.clear()
    soundtrack.sounds._begun.clear()
    soundtrack.follow(0, [Moment(CUED, cues=CUES)])
    assert len(recorder.names) == len(set(CUES))  # each has a tone


@pytest.mark.parametrize(
    ("seats", "winner", "name"),
    [((HUMAN, BOT), 0, "win"), ((HUMAN, BOT), 1, "loss"), ((BOT, BOT), 1, "win"), ((HUMAN, BOT), None, "draw")],
)
def test_a_result_sounds_as_the_person_has_it(heard, seats, winner, name):
    recorder, soundtrack = heard("pong", *seats)
    soundtrack.result(SimpleNamespace(result=SimpleNamespace(winner=winner)))
    assert recorder.names == [name]


def test_the_same_sound_does_not_begin_twice_at_once():
    recorder = Recorder()
    sounds = Sounds(1.0, False, recorder)
    for _ in range(AGAIN + 1):
        sounds.play("hit")
        sounds.tick()
    assert recorder.names == ["hit", "hit"]


# --- in the window ---


def test_the_game_is_heard(start):
    app, recorder = start("pong", Seat("scripted", "A", skill=1.0), Seat("scripted", "B", skill=0.0))
    turns(app, 600)
    assert {"hit", "bounce", "point"} <= set(recorder.names)
    join(app)
    assert set(recorder.sounds) >= {("hit", 0), ("hit", 9), ("win", 0)}


def join(app) -> None:
    app.sounds._thread.join(10)


def test_m_mutes_and_the_volume_has_keys_and_both_are_kept(start, tmp_path):
    file = settings.SettingsFile(tmp_path / "settings.json")
    app, recorder = start("pong", HUMAN, BOT, kept=file, countdown=True)
    tap("m")
    turns(app, 200)
    assert app.sounds.muted and not recorder.played and file.settings.mute
    tap("m")
    turns(app, 200)
    assert recorder.played and not file.settings.mute
    loud = max(right for _, _, _, right in recorder.played)
    tap("-")
    turns(app, 1)
    assert file.settings.volume == 0.6
    recorder.played.clear()
    app.sounds.play("hit")
    assert 0 < recorder.played[0][3] < loud
    for _ in range(20):
        tap("+")
    turns(app, 1)
    assert app.sounds.volume == file.settings.volume == 1.0


def test_the_pages_show_the_keys_of_the_sounds_and_what_they_do(start):
    app, _ = start("pong", HUMAN, BOT)
    assert app.page.reactions.sound_rows() == [(["m"], "mute"), (["-", "+"], "volume 70 %")]
    app.mute()
    assert app.page.reactions.sound_rows()[0] == (["m"], "sound on")
    silent = open_match(games.load("pong"), (HUMAN, BOT), ready=False)
    silent.close()
    assert not silent.page.reactions.sound_rows() and not silent.page.reactions.commands


def test_a_key_that_the_game_has_is_the_games(start, tmp_path):
    file = settings.SettingsFile(tmp_path / "settings.json")
    file.change(controls={"pong": [settings.PersonControls(keys={"w": "m"})]})
    app, _ = start("pong", HUMAN, BOT, kept=file)
    key("m")
    turns(app, 5)
    assert not app.sounds.muted
    assert app.page.match.boards[0].batch.record(0).paddle[0] < 42.0


def test_the_first_picture_does_not_wait_for_the_sounds(start):
    class Slow(Recorder):
        def open(self, sounds):
            assert threading.current_thread() is not threading.main_thread()
            gate.wait(10)

    gate, slow = threading.Event(), Slow()
    app = open_match(games.load("pong"), (HUMAN, BOT), seed=5, speaker=slow)
    assert app.sounds._thread.ident is None  # not begun before the window is there
    app.turn(1)
    assert app.sounds._thread.is_alive() and app.page.mode == "loading"
    app.close()
    gate.set()
    join(app)


# --- the device ---


def silent_run(driver: str) -> subprocess.CompletedProcess:
    code = (
        "import numpy as np, time\n"
        "from ui.sound import Mixer, Sounds\n"
        "sounds = Sounds(1.0, False, Mixer()); sounds.start(); sounds._thread.join()\n"
        "import pygame; print(bool(pygame.mixer.get_init()), len(sounds.speaker._sounds))\n"
        "sounds.play('hit', 3, across=0.0); time.sleep(0.05)\n"
        "print(pygame.mixer.get_init() and pygame.mixer.get_busy())\n"
        "sounds.close(); sounds.close(); print(pygame.mixer.get_init())\n"
    )
    env = {**os.environ, "SDL_AUDIODRIVER": driver, "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("driver", "says"), [("dummy", ["True 37", "True", "None"]), ("no_such_driver", ["False 0", "None", "None"])]
)
def test_a_device_plays_and_without_one_it_is_silent(driver, says):
    done = silent_run(driver)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.split("\n")[:3] == says


def test_a_mixer_closed_while_it_opens_is_given_back(monkeypatch):
    mixer, entered, gate = Mixer(), threading.Event(), threading.Event()

    def slow_init(*_, **__):
        entered.set()
        gate.wait(10)

    quits = []
    monkeypatch.setattr(pygame.mixer, "init", slow_init)
    monkeypatch.setattr(pygame.mixer, "set_num_channels", lambda _: None)
    monkeypatch.setattr(pygame.mixer, "quit", lambda: quits.append(1))
    opening = threading.Thread(target=mixer.open, args=({},))
    opening.start()
    entered.wait(10)
    mixer.close()
    assert not quits  # it does not wait for the device
    gate.set()
    opening.join(10)
    assert quits == [1]


def test_windows_that_close_while_the_device_opens_end_in_peace():
    code = """
import random, time, pygame
from ui.sound import Mixer, Sounds
random.seed(1)
pygame.display.init()
for _ in range(30):
    sounds = Sounds(0.5, False, Mixer())
    sounds.start()
    time.sleep(random.choice([0.0, 0.02, 0.05, 0.1]))
    sounds.close()
sounds._thread.join()
print("in peace")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("in peace\n"), done.stderr[:300]
