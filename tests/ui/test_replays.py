"""Games that a window plays are kept and played again: by posted events, without a display."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pygame
import pytest
from PIL import Image

import games
import play
from games.errors import UserError
from games.replay.format import Change
from games.replay.playback import Playback
from games.replay.recorder import state_hash
from ui import encoders, keepsakes, replay_command, replays
from ui.application import App
from ui.branch import Branch, seats_for
from ui.display import open_display
from ui.export import export
from ui.match import Match
from ui.pages.kept_match import KeptMatchPage
from ui.pages.match import OVER, PAUSED, PLAYING
from ui.pages.notice import NoticePage
from ui.pages.replay import ReplayPage
from ui.pages.replays import ReplaysPage
from ui.replay_match import ReplayMatch
from ui.seats import Seat
from ui.window import open_match

HUMAN, BOT = Seat("human", "You"), Seat("scripted", "Bot", skill=0.8, source="bot:0.8")


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """All of the user's folders are below tmp_path."""
    for name in ("data", "pictures", "videos", "config"):
        monkeypatch.setattr(f"platformdirs.user_{name}_dir", lambda *a, name=name, **k: str(tmp_path / name))
    return tmp_path


@pytest.fixture
def show():
    """Opens pages in windows, and closes them after the test."""
    opened = []

    def open_app(page, size=(500, 560)):
        open_display()
        app = page if isinstance(page, App) else App(page, size=size)
        opened.append(app)
        if hasattr(app.page, "load"):
            app.page.load()
        return app

    yield open_app
    for app in opened:
        app.close()  # one that was left has a window still, which would lose the focus to the next test's


def started(show, *seats, game="pong", **settings):
    settings = {"seed": 5, "size": (500, 560), "ready": False, "replays": replays.folder_of(), **settings}
    return show(open_match(games.load(game), seats, **settings))


def key(name: str, down: bool = True) -> None:
    code = pygame.key.key_code(name)
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=code, mod=0))


def tap(name: str) -> None:
    key(name)
    key(name, down=False)


def turns(app: App, count: int) -> None:
    for _ in range(count):
        app.turn(1)


def wait_for(app: App, done, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        late = time.monotonic() > end  # before the turn, which may have waited for what compiles
        app.turn(1)
        time.sleep(0.01)
        assert not late or done()


def bots_match(game="pong", seed=3, ticks=None, **settings):
    match = Match(games.load(game), [Seat("scripted", "A", skill=0.6), Seat("scripted", "B", skill=0.3)], seed, **settings)
    while not match.result and (ticks is None or match.ticks < ticks):
        match.tick()
    return match


def kept(match) -> Path:
    return replays.save(replays.replay_of(match), replays.folder_of())


# --- kept -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("game", ["pong", "connect_four", "breakout"])
def test_a_kept_game_equals_a_run_without_a_window_hash_by_hash(game):
    match = Match(games.load(game), [Seat("scripted", "A", skill=0.6), Seat("scripted", "B", skill=0.3)], 3)
    hashes = [[state_hash(board.batch)] for board in match.boards]
    while not match.result and match.ticks < 700:
        before = [board.recorder.ticks for board in match.boards]
        match.tick()
        for k, board in enumerate(match.boards):
            if board.recorder.ticks != before[k]:
                hashes[k].append(state_hash(board.batch))
    playback = Playback(match.game, replays.load(kept(match), match.game))
    assert playback.verify() is None
    playback.seek(0)
    for tick in range(playback.replay.ticks + 1):
        playback.seek(tick)
        for k, batch in enumerate(playback.batches):
            assert state_hash(batch) == hashes[k][min(tick, len(hashes[k]) - 1)]


def test_the_last_move_of_a_game_is_kept_whoever_begins_the_next_one():
    for seed in range(6):
        match = Match(games.load("connect_four"), [HUMAN, BOT], seed)
        random = np.random.default_rng(seed)
        while not match.result:
            match.inputs[0].choose(int(random.integers(7)))
            match.tick()
        replay = replays.replay_of(match)
        playback, tick = Playback(match.game, replay), match.ticks - 1
        assert playback.verify() is None
        playback.seek(tick)
        branch = Branch(replay, tick, 0)
        settings = branch.settings(match.game)
        live = Match(match.game, [HUMAN, BOT], settings["seed"], settings["levels"])
        branch.begin(live)
        assert live.boards[0].batch.states.tobytes() == playback.batches[0].states.tobytes()


def test_a_window_keeps_finished_games_and_those_that_are_left(show):
    app = started(show, HUMAN, BOT)
    while app.page.mode != OVER:
        app.turn(6)
    tap("r")
    turns(app, 40)
    tap("r")
    for _ in range(40):
        app.turn(5)
    app.close()
    headers = [each.header for each in replays.listed(replays.folder_of())]
    assert sorted(header.finished for header in headers) == [False, True]
    finished = next(header for header in headers if header.finished)
    assert [seat.name for seat in finished.seats] == ["You", "Bot"] and finished.winner == 1
    assert finished.seats[1].skill == 0.8 and finished.seats[1].source == "bot:0.8"
    assert replays.result_of(finished) == "Bot wins"
    for path in replays.files(replays.folder_of()):
        assert Playback(games.load("pong"), replays.load(path, games.load("pong"))).verify() is None


def test_a_game_that_was_rewound_and_taken_over_plays_again(show):
    app = started(show, HUMAN, BOT)
    key("w")
    turns(app, 50)
    key("backspace")
    turns(app, 8)
    key("backspace", down=False)
    turns(app, 20)
    tap("tab")
    turns(app, 60)
    page = app.page
    replay = replays.replay_of(page.match)
    key("w", down=False)
    app.close()
    assert replay.header.rewound and [change.name for change in replay.header.changes] == ["Bot for You"]
    assert Playback(page.game, replay).verify() is None


def test_only_the_newest_are_kept(monkeypatch):
    match = bots_match(ticks=70)
    monkeypatch.setattr(replays, "KEPT", 3)
    paths = [kept(match) for _ in range(5)]
    assert sorted(replays.files(replays.folder_of())) == sorted(paths[2:])
    monkeypatch.setattr(replays, "KEPT_BYTES", 2 * paths[-1].stat().st_size)
    newest = kept(match)
    assert set(replays.files(replays.folder_of())) == {paths[-1], newest}


def test_a_folder_that_cannot_be_written_is_told_and_play_goes_on(show, folders):
    (folders / "data").write_text("no folder")
    app = started(show, HUMAN, BOT, replays=folders / "data" / "replays")
    turns(app, 100)
    app.page.match.leave()
    app.page.keeper.close()
    turns(app, 1)
    assert "cannot be made" in app.notice.text and app.page.mode == PLAYING


# --- rewinding in the window ------------------------------------------------------------------------------------------


def test_holding_backspace_runs_the_game_backwards_and_releasing_goes_on(show):
    app = started(show, HUMAN, BOT)
    turns(app, 120)
    page = app.page
    key("backspace")
    turns(app, 21)
    assert page.is_rewinding and page.match.ticks == 120 - 1 - 3 * 21
    key("backspace", down=False)
    turns(app, 11)
    assert not page.is_rewinding and page.match.ticks == 120 - 1 - 3 * 21 + 10
    key("backspace")
    turns(app, 60)
    assert page.match.ticks == 0 and page.mode == PLAYING
    key("backspace", down=False)


def test_in_a_pause_backspace_is_a_step_back(show):
    app = started(show, HUMAN, BOT)
    turns(app, 50)
    tap("escape")
    turns(app, 2)
    tap("backspace")
    turns(app, 2)
    assert app.page.mode == PAUSED and app.page.match.ticks == 49


def test_in_a_game_of_turns_a_rewound_game_waits_for_the_person(show):
    app = started(show, HUMAN, BOT, game="connect_four")
    for column in "15":
        wait_for(app, lambda: app.page.match.boards[0].waits_for_person)
        tap(column)
        turns(app, 3)
    wait_for(app, lambda: app.page.match.boards[0].waits_for_person)
    before = app.page.match.ticks
    tap("backspace")
    turns(app, 3)
    assert app.page.match.ticks == before - 2 and app.page.match.boards[0].waits_for_person


def test_tab_shows_who_plays(show):
    app = started(show, Seat("scripted", "A", skill=0.5), Seat("scripted", "B", skill=0.5))
    turns(app, 20)
    assert app.page.people == []
    tap("tab")
    turns(app, 2)
    assert app.page.people == [0] and app.page.match.seats[0].name == "You"
    key("s")
    turns(app, 10)
    down = app.page.game.actions.index("down")
    assert (app.page.match.boards[0].recorder.track().actions[-8:, 0] == down).all()
    key("s", down=False)
    tap("tab")
    turns(app, 2)
    assert app.page.people == [] and app.page.match.seats[0].name == "A"


def test_who_gave_their_seat_away_is_asked_what_follows(show):
    app = started(show, HUMAN, BOT)
    turns(app, 20)
    tap("tab")
    turns(app, 2)
    assert app.page.people == [] and "for practice" in app.notice.text
    while app.page.mode != OVER:
        app.turn(6)
    played = app.page.match.played
    turns(app, 600)
    assert app.page.mode == OVER and app.page.match.played == played == 1
    assert app.page.match.wins == [0, 0], "it counts for nobody"


# --- the player -------------------------------------------------------------------------------------------------------


def test_the_player_plays_pauses_steps_and_jumps(show):
    match = bots_match()
    app = show(ReplayPage(kept(match)))
    page, shown = app.page, lambda: app.page.match.at
    turns(app, 30)
    assert shown() == 30
    tap("space")
    turns(app, 10)
    assert shown() == 30 and not page.playing
    tap(".")
    turns(app, 2)
    assert shown() == 31
    tap("right")
    turns(app, 1)
    assert shown() == 331
    tap("left")
    turns(app, 1)
    assert shown() == 31
    tap("up")
    turns(app, 1)
    assert shown() == page.match.points_at[0] and sum(page.match.boards[0].returns) == 0
    assert max(page.match.boards[0].returns) == 1
    tap(",")
    tap("space")
    before = shown()
    turns(app, 40)
    assert shown() - before == 10
    key("backspace")
    turns(app, 5)
    assert shown() < before + 10 - 10 and not page.playing
    key("backspace", down=False)
    tap("end")
    turns(app, 2)
    assert shown() == match.ticks and page.match.result.winner == match.result.winner


def test_the_mouse_goes_anywhere(show):
    app = show(ReplayPage(kept(bots_match())))
    turns(app, 2)
    bar, last = app.page.timeline._bar, app.page.match.last
    press = {"button": 1, "touch": False}
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(bar.centerx, bar.centery), **press))
    turns(app, 1)
    assert abs(app.page.match.at - last / 2) <= last / bar.w + 1
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(bar.right + 50, 5), rel=(1, 1), buttons=(1, 0, 0)))
    turns(app, 1)
    assert app.page.match.at == last
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=(bar.right, 5), **press))
    turns(app, 1)
    assert not app.page._dragging


def test_a_branch_goes_on_from_the_shown_moment(show):
    match = bots_match(ticks=400)
    app = show(ReplayPage(kept(match), replay_folder=replays.folder_of()))
    app.page.seek(250)
    shown = app.page.match.boards[0].batch.states.tobytes()
    tap("2")
    turns(app, 1)
    assert isinstance(app.page, KeptMatchPage)
    wait_for(app, lambda: app.page.match is not None)
    page = app.page
    assert page.match.boards[0].batch.states.tobytes() == shown
    assert [seat.kind for seat in page.seats] == ["scripted", "human"] and page.seats[0].name == "A"
    tap("return")
    turns(app, 250)
    replay = replays.replay_of(page.match)
    assert replay.ticks > 250 and Playback(page.game, replay).verify() is None
    first = replays.replay_of(match).tracks[0].actions[:250]
    assert np.array_equal(replay.tracks[0].actions[:250], first)
    assert not page.match.is_rated and replay.header.changes[0].tick == 250, "it is another game than one from its beginning"
    assert replay.header.begun > match.begun


def test_the_replay_that_was_played_stays_chosen_when_a_branch_of_it_is_kept(show):
    older = kept(bots_match(ticks=400))
    os.utime(older, (1, 1))
    newer = kept(bots_match("connect_four"))
    app = show(ReplaysPage(replay_folder=replays.folder_of()))
    turns(app, 1)
    tap("down")
    tap("return")
    turns(app, 1)
    app.page.load()
    app.page.seek(150)
    tap("2")
    turns(app, 1)
    wait_for(app, lambda: app.page.match is not None)
    tap("return")
    turns(app, 200)
    app.back()
    app.back()
    turns(app, 1)
    page = app.page
    wait_for(app, lambda: len(replays.files(replays.folder_of())) == 3)
    page.shown()
    assert [row.path for row in page.rows][1:] == [newer, older] and page.rows[page.chosen].path == older
    drawn = []
    page.text.put = lambda surface, text, *place: drawn.append(text)
    tap("delete")
    turns(app, 1)
    assert any("delete for good: Pong, A – B" in text for text in drawn)
    assert "practice" in replays.result_of(page.rows[0].header) or not page.rows[0].header.finished


def test_an_agent_in_a_branch_has_seen_all_that_it_would_have_seen():
    from tests.ui.test_rewind import agent_of

    game = games.load("pong")
    seat = Seat("agent", "Agent", make=agent_of(game, memory="lstm", memory_size=8, temperature=0.0).player)
    match = Match(game, [Seat("scripted", "Bot", skill=0.7), seat], 2)
    for _ in range(203):
        match.tick()
    before = match.boards[0].player(1).state()
    settings = Branch(replays.replay_of(match), 203, 0).settings(game)
    branch = Match(game, [Seat("human"), seat], settings["seed"], settings["levels"])
    settings["begin"](branch)
    after = branch.boards[0].player(1).state()
    for name in ("last", "memory"):
        assert np.array_equal(np.asarray(before[name]), np.asarray(after[name])), name


def test_who_is_not_there_any_more_is_played_by_the_bot():
    def nobody(name, game):
        raise UserError("gone")

    match = bots_match(ticks=70)
    header = replays.replay_of(match).header
    header.seats[1].kind, header.seats[1].source = "agent", "runs/gone"
    seats, told = seats_for(match.game, header, 0, nobody)
    assert seats[0].kind == "human" and seats[1].kind == "scripted" and told == ["B is gone: the bot plays"]
    seats, told = seats_for(match.game, header, 0, lambda name, game: Seat("scripted", "Found"))
    assert seats[1].name == "Found" and not told
    header.seats[1].sha256 = "0" * 64
    assert seats_for(match.game, header, 0, lambda name, game: Seat("scripted", "Found"))[1] == [
        "B has been trained anew since"
    ]


# --- the list, the command line ---------------------------------------------------------------------------------------


def test_the_list_plays_and_deletes_and_tells_damage(show):
    kept(bots_match(ticks=70))
    path = kept(bots_match("connect_four"))
    path.with_name("broken.replay").write_bytes(path.read_bytes()[:-3])
    app = show(ReplaysPage())
    turns(app, 1)
    rows = app.page.rows
    assert [row.header and row.header.game for row in rows] == [None, "connect_four", "pong"]
    assert rows[0].problem == "is damaged: its checksum does not match."
    tap("return")
    turns(app, 1)
    assert "checksum" in app.notice.text
    tap("delete")
    turns(app, 1)
    assert len(app.page.rows) == 3, "one press asks"
    tap("delete")
    turns(app, 1)
    assert len(app.page.rows) == 2
    tap("return")
    turns(app, 1)
    assert isinstance(app.page, ReplayPage)
    app.page.load()
    tap("escape")
    turns(app, 1)
    assert isinstance(app.page, ReplaysPage)


def call(capsys, *words):
    options = play.arguments().parse_args([str(word) for word in words])
    code = replay_command.run(options, lambda name, game: BOT, None)
    return code, capsys.readouterr().out


def test_the_command_line_lists_and_verifies(capsys, monkeypatch):
    assert "No replays yet" in call(capsys, "--replays")[1]
    match = bots_match(ticks=130)
    path = kept(match)
    code, out = call(capsys, "--replays")
    assert code == 0 and out.count("\n") == 1
    assert all(part in out for part in ("pong", "A – B", "left before its end", "0:02", str(path)))
    assert call(capsys, "--replay", path, "--verify") == (0, f"{path}: the same in all 4 hashes of 130 ticks\n")
    replay = replays.replay_of(match)
    replay.tracks[0].hashes[2] = b"another1"
    changed = replays.save(replay, replays.folder_of())
    code, out = call(capsys, "--replay", changed, "--verify")
    assert code == 1 and "differs at tick 120: the game's VERSION is 1, as it was" in out
    for words, told in ((["--verify"], "goes with --replay"), (["--replay", "none.replay"], "There is no file")):
        with pytest.raises(UserError, match=told):
            call(capsys, *words)


def test_a_replay_needs_no_torch():
    path = kept(bots_match(ticks=70))
    code = (
        "import sys, pathlib, games; from ui import replay_command as r\n"
        f"assert r.verify(pathlib.Path({str(path)!r}), games.load('pong')) == 0\n"
        "assert 'torch' not in sys.modules and 'pygame' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=120).returncode == 0


# --- pictures and videos ----------------------------------------------------------------------------------------------


def test_a_gif_shows_the_game_with_names_and_score(tmp_path):
    match = bots_match("connect_four")
    parts = []
    export(match.game, replays.replay_of(match), tmp_path / "it.gif", first=2, progress=parts.append)
    with Image.open(tmp_path / "it.gif") as picture:
        moves = match.ticks - 2
        length = sum(picture.seek(k) or picture.info["duration"] for k in range(picture.n_frames)) / 1000
        assert length == pytest.approx((moves * 40 + 120) / 60, abs=0.2)
        picture.seek(0)
        first = np.asarray(picture.convert("RGB")).astype(int)
    assert parts[-1] == 1.0 and parts == sorted(parts)
    screen_top = first[: first.shape[0] // 9]
    assert (screen_top.max(2) > 150).any(), "names stand above the picture"
    assert list(tmp_path.glob(".*")) == []


def test_without_ffmpeg_an_mp4_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "ffmpeg", lambda: None)
    with pytest.raises(UserError, match=r"-e .*\[video\]"):
        encoders.writer(tmp_path / "it.mp4", (100, 100))
    with pytest.raises(UserError, match="no folder"):
        encoders.writer(tmp_path / "none" / "it.gif", (100, 100))


def test_frames_go_to_ffmpeg_and_its_words_are_told(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(0o755)
    monkeypatch.setattr(encoders, "ffmpeg", lambda: str(program))
    video = encoders.writer(tmp_path / "it.mp4", (4, 2))
    video.add(bytes(range(24)))
    video.add(bytes(24))
    video.close()
    assert (tmp_path / "it.mp4").read_bytes() == bytes(range(24)) + bytes(24)
    program.write_text('#!/bin/sh\ncat > /dev/null\necho "no such codec" >&2\nexit 1\n')
    video = encoders.writer(tmp_path / "other.mp4", (4, 2))
    video.add(bytes(24))
    with pytest.raises(UserError, match="ffmpeg says no such codec"):
        video.close()
    video.cancel()
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["it.mp4"]


def test_f12_keeps_the_picture_that_is_shown(show, folders):
    app = started(show, HUMAN, BOT)
    turns(app, 30)
    shown = app.surface.copy()
    tap("f12")
    wait_for(app, lambda: "Picture" in app.notice.text)
    found = list((folders / "pictures" / "Sparring").glob("pong-*.png"))
    assert len(found) == 1
    with Image.open(found[0]) as picture:
        assert picture.convert("RGB").tobytes() == pygame.image.tobytes(shown, "RGB")


def test_f10_keeps_the_last_seconds_as_a_clip(show, folders, monkeypatch):
    monkeypatch.setattr(keepsakes, "CLIP_SECONDS", 1)
    monkeypatch.setattr(encoders, "ffmpeg", lambda: None)
    app = started(show, HUMAN, BOT)
    turns(app, 100)
    tap("f10")
    turns(app, 2)
    app.close()  # which waits for it
    found = list((folders / "videos" / "Sparring").iterdir())
    assert [path.suffix for path in found] == [".gif"]
    with Image.open(found[0]) as picture:
        assert 18 <= picture.n_frames <= 21


@pytest.fixture
def filmed(show, monkeypatch):
    """A window with a match over another page, and F10 pressed."""
    monkeypatch.setattr(keepsakes, "CLIP_SECONDS", 1)
    monkeypatch.setattr(encoders, "ffmpeg", lambda: None)
    app = show(NoticePage("below", "the match"))
    page = KeptMatchPage(games.load("pong"), [HUMAN, BOT], seed=1, ready=False)
    app.open(page)
    page.load()
    turns(app, 100)
    tap("f10")
    turns(app, 2)
    assert app.notice.text == "The last 1 seconds are made into a clip …"
    return app


def test_a_clip_is_made_to_its_end_although_its_match_is_left_and_the_window_closes(filmed, folders, capsys):
    app, page = filmed, filmed.page
    tap("f10")
    turns(app, 2)
    assert app.notice.text == "The clip before is still being made"
    for name in ("escape", "q"):
        tap(name)
        turns(app, 1)
    assert isinstance(app.page, NoticePage) and page.keepsakes._job.is_running
    app.close()
    found = list((folders / "videos" / "Sparring").iterdir())
    assert [path.suffix for path in found] == [".gif"] and found[0].stat().st_size
    assert capsys.readouterr().out.splitlines() == [f"Clip: {found[0]}"]


def test_who_leaves_a_match_is_told_when_its_clip_is_there(filmed):
    filmed.back()
    assert isinstance(filmed.page, NoticePage)
    wait_for(filmed, lambda: filmed.notice.text.startswith("Clip: "))


def test_a_video_that_cannot_be_made_says_why(monkeypatch, tmp_path):
    def refuse(*given, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keepsakes.subprocess, "Popen", refuse)
    match, said = bots_match(ticks=70), []
    job = keepsakes.VideoJob(
        match.game, replays.replay_of(match), tmp_path / "it.gif", done=lambda job: said.append(job.problem)
    )
    job.wait()
    assert said == ["The video cannot be made: No space left on device"]


def test_a_replay_as_a_match_has_the_names_of_each_tick():
    match = bots_match(ticks=70)
    replay = replays.replay_of(match)
    replay.header.changes = [Change(tick=30, participant=0, name="You")]
    shown = ReplayMatch(match.game, replay)
    names = []
    for tick in (29, 30, 10):
        shown.seek(tick)
        names.append(shown.seats[0].name)
    assert names == ["A", "You", "A"]


def test_the_mouse_alone_leads_back_from_replays(show):
    path = kept(bots_match(ticks=200))
    app = show(ReplaysPage())
    turns(app, 1)
    app.page._play()
    assert isinstance(app.page, ReplayPage) and app.page.path == path
    app.page.load()
    turns(app, 1)
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(5, 5), button=3, touch=False))
    turns(app, 1)
    assert isinstance(app.page, ReplaysPage)
    (back,) = app.page._canvas.items
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=back.box.center, button=1, touch=False))
    turns(app, 1)
    assert not app.is_open
