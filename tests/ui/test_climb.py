"""The row of opponents: each match counts, wherever it was begun, and levels play the menu's pictures once torch is there."""

import pytest

import games
from tests.ui.test_menu import home, load, start, to_the_result, win_a_point  # noqa: F401 - fixtures
from ui.challenge import PRACTICE, challenge_of
from ui.pages.game import GamePage
from ui.pages.home import HomePage
from ui.progress import Progress, Results
from ui.seating import seat_of
from ui.seats import Seat
from ui.window import open_match

YOU = Seat("human")


@pytest.fixture
def play(home):  # noqa: F811
    """Begins a match as a command does: `play("human", "bot")`."""

    def open_app(*names, name="pong"):
        game = games.load(name)
        seats = [seat_of(name, game, runs=home / "runs") for name in names]
        challenge = challenge_of(game, seats, home / "runs")
        app = open_match(game, seats, seed=5, size=(500, 560), ready=False, challenge=challenge)
        opened.append(app)
        app.page.load()
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()


def results(opponent, name="pong"):
    return Progress(games.load(name)).against(opponent)


@pytest.mark.parametrize(
    "name, seat",
    [
        ("bot", "bot:0.5"),
        ("bot:1", "bot:1"),
        ("random", "random"),
        ("level:2", "level:2"),
        ("master", "level:2"),
        ("level:newcomer", "level:1"),
    ],
)
def test_an_opponent_is_the_same_however_its_name_is_written(home, name, seat):  # noqa: F811
    game = games.load("pong")
    for seats in ([YOU, seat_of(name, game)], [seat_of(name, game), YOU]):
        assert challenge_of(game, seats, home / "runs").opponent.seat == seat


def test_an_agent_is_the_same_by_its_file_and_by_its_runs_folder(home, monkeypatch):  # noqa: F811
    game, folder = games.load("pong"), home / "runs" / "pong" / "mine"
    folder.mkdir(parents=True)
    (folder / "agent.safetensors").write_bytes((home / "zoo" / "pong" / "ladder" / "strong.safetensors").read_bytes())
    monkeypatch.chdir(home)
    found = {
        challenge_of(game, [YOU, seat_of(name, game)], home / "runs").opponent.seat
        for name in ("runs/pong/mine", str(folder / "agent.safetensors"))
    }
    assert found == {str(folder / "agent.safetensors")}


def test_nobody_is_challenged_without_one_person_and_one_machine():
    game = games.load("pong")
    bot = seat_of("bot", game)
    for seats in ([YOU, YOU], [bot, bot], [YOU, Seat("scripted", "Nameless")]):
        assert challenge_of(game, seats, games) is None


def test_a_match_that_a_command_began_counts_and_leads_to_the_next_opponent(play):
    app = play("human", "newcomer")
    win_a_point(app, 0)
    to_the_result(app)
    assert results("level:1") == Results(won=1)
    page = app.page
    assert page.reactions.highlights.lines(page.match)[0] == "You beat Newcomer"
    assert page.challenge.told_after(page.match) == "You against Newcomer: 1 won"
    assert page.choices.focus.name == "Next: Master"
    app.page.choices.command("confirm")
    app.turn(1)
    assert [seat.name for seat in app.page.seats] == ["You", "Master"] and app.page.leave_word == "quit"


def test_a_race_that_is_lost_and_begun_again_counts(play):
    app = play("human", "bot:1", name="breakout")
    page = app.page
    app.turn(6)
    page.restart()
    assert results("bot:1", "breakout") == Results(), "nobody had lost yet"
    while not page.match.person_has_lost:
        app.turn(6)
    page.restart()
    assert results("bot:1", "breakout") == Results(lost=1) and page.match.wins == [0, 1]


def test_a_game_that_was_rewound_does_not_count(play):
    app = play("human", "newcomer")
    app.turn(6)
    assert app.page.match.rewind(3)
    win_a_point(app, 0)
    to_the_result(app)
    page = app.page
    assert page.match.wins == [0, 0] and results("level:1") == Results(), "it counts nowhere"
    assert page.reactions.highlights.lines(page.match) == [] and page.challenge.told_after(page.match) == PRACTICE


def test_levels_play_the_menus_pictures_after_a_match(start):  # noqa: F811
    app = start()
    home_page = app.page
    assert isinstance(home_page, HomePage)
    (entry,) = home_page.catalogue.entries
    home_page.choose(entry)
    app.turn(1)
    assert isinstance(app.page, GamePage)
    app.back()  # as after a match: torch is there
    home_page.catalogue.join()
    assert [seat.name for seat in entry.miniature.match.seats] == ["Bot", "Bot"], "never within a game"
    while not entry.miniature.match.result:
        entry.miniature.tick()
    for _ in range(100):
        entry.miniature.tick()
    assert [seat.name for seat in entry.miniature.match.seats] == ["Master", "Newcomer"]
    assert entry.miniature.match.ticks > 0
