"""Pages in real browsers: they open from disk and from a server, are played, ask nothing of the net, and compute as in Python.

Playwright drives a browser of the system's; none is downloaded. Without one, or without Playwright, these tests are skipped.
"""

import base64
import functools
import http.server
import json
import re
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents.participants import ladder_of
from agents.play.agent_info import AgentSettings
from agents.web.__main__ import main
from games.engine.batch import Batch
from games.engine.view import View
from games.replay.format import unpack
from games.replay.playback import Playback
from games.replay.recorder import Recorder, state_hash
from tests.agents.web.test_program import random_agent

pytestmark = pytest.mark.slow
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed; make setup does it")

ROOT = Path(__file__).parents[3]
BROWSERS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "firefox": ("firefox-esr", "firefox")}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}
TICKS, SEEDS = 20_000, range(5)


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request):
    """A browser of the system's."""
    program = next((found for name in BROWSERS[request.param] if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"there is no {request.param} here")
    with playwright.sync_playwright() as driver:
        if request.param == "chromium":
            opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        else:  # with the origin policy of a plain profile, which Playwright loosens
            strict = {"security.fileuri.strict_origin_policy": True}
            try:
                opened = driver.firefox.launch(channel="moz-firefox", executable_path=program, firefox_user_prefs=strict)
            except playwright.Error as error:  # Firefox 140 lacks commands that Playwright 1.64.1 sends
                pytest.skip(f"Playwright cannot drive this Firefox: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of all games that ship, as single files, and Pong's as a folder."""
    place = tmp_path_factory.mktemp("pages")
    assert main(["--single", "--out", str(place / "single")]) == 0
    assert main(["pong", "--out", str(place / "pong")]) == 0
    return place


class Opened:
    """A page at work, and all that it complained of or asked for."""

    def __init__(self, browser, address: str, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = address
        self.page.goto(address)
        self.page.wait_for_function("document.body.dataset.mode === 'start'", timeout=10_000)

    def value(self, script: str):
        return self.page.evaluate(script)

    def close(self):
        """Close it; nothing was complained of, and nothing asked of anywhere else."""
        home = self.address.rpartition("/")[0]
        self.context.close()
        assert not self.troubles
        assert [url for url in self.asked if not url.startswith((home, "data:", "blob:"))] == []


@pytest.fixture
def opened(browser):
    """`opened(address)`: a page, which is closed and asked for its troubles in the end."""
    found = []

    def open_page(address, **options):
        found.append(Opened(browser, address, **options))
        return found[-1]

    yield open_page
    for each in found:
        each.close()


def begin(page):
    """From the card to the first tick of play."""
    page.page.keyboard.press("Enter")
    page.page.wait_for_function("app.mode === 'playing'", timeout=10_000)


# --- it opens, and is played ----------------------------------------------------------------------------------------


def test_a_file_opens_from_disk_and_is_played_by_keys(opened, pages):
    page = opened((pages / "single" / "pong.html").as_uri())
    begin(page)
    before = page.value("app.match.boards[0].state.get('paddle', 0)")
    page.page.keyboard.down("w")
    page.page.wait_for_timeout(500)
    page.page.keyboard.up("w")
    assert page.value("app.match.boards[0].state.get('paddle', 0)") < before - 10.0
    page.page.keyboard.press("v")
    page.page.wait_for_function("document.querySelectorAll('#eye .bars div').length === 3")
    page.page.keyboard.press("Escape")
    assert page.value("app.mode") == "paused"
    stood = page.value("app.match.boards[0].state.get('tick')")
    page.page.wait_for_timeout(300)
    assert page.value("app.match.boards[0].state.get('tick')") == stood


def test_an_eye_is_offered_only_where_there_is_a_network(opened, pages):
    page = opened((pages / "single" / "pong.html").as_uri())
    button = page.page.locator("nav [data-do=eye]")
    begin(page)
    assert button.is_visible() and "eye" in page.page.inner_text("#hints")
    page.page.keyboard.press("Escape")
    page.page.click("[data-do=menu] >> visible=true")
    page.page.click("[data-machine]:has-text('Fair bot')")
    page.page.click("[data-do=play]")
    page.page.wait_for_function("app.mode === 'playing'", timeout=10_000)
    assert not button.is_visible() and "eye" not in page.page.inner_text("#hints")


def test_a_folder_opens_from_a_server(opened, pages):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(pages / "pong")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = opened(f"http://127.0.0.1:{server.server_port}/index.html")
        begin(page)
        assert page.value("app.match.seats[1].name") == "Beginner"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_finger_moves_the_paddle_and_drops_a_disc(opened, pages):
    page = opened((pages / "single" / "connect_four.html").as_uri(), **PHONE)
    page.page.tap("[data-do=play]")
    page.page.wait_for_function("app.match.boards[0].waitsForPerson", timeout=10_000)
    box = page.page.locator("canvas").first.bounding_box()
    page.page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.page.wait_for_function("app.match.boards[0].recorder.rows.some(row => row.includes(3))", timeout=10_000)
    page = opened((pages / "single" / "breakout.html").as_uri(), **PHONE)
    page.page.tap("[data-do=play]")
    page.page.wait_for_function("app.mode === 'playing'", timeout=10_000)
    page.value("document.querySelector('#stage').dispatchEvent(new PointerEvent('pointerdown', "
               "{bubbles: true, pointerId: 7, clientX: 20, clientY: 400}))")  # fmt: skip
    page.page.wait_for_timeout(400)
    assert page.value("app.match.boards[0].state.get('paddle')") < 30.0


# A gamepad as a browser tells of it: buttons 12 to 15 are the cross, 9 is Start.
PAD = """window.pad = {mapping: "standard", axes: [0, 0, 0, 0], buttons: Array.from({length: 17}, () => ({pressed: false}))};
navigator.getGamepads = () => [null, window.pad];"""


def test_a_pad_steers_and_pauses(opened, pages):
    page = opened((pages / "single" / "pong.html").as_uri())
    page.value(PAD)
    begin(page)
    paddle = "app.match.boards[0].state.get('paddle', 0)"
    for held, released, upwards in (
        ("axes[1] = -1", "axes[1] = 0", True),
        ("buttons[13].pressed = true", "buttons[13].pressed = false", False),
    ):
        before = page.value(paddle)
        page.value(f"pad.{held}")
        page.page.wait_for_timeout(400)
        page.value(f"pad.{released}")
        page.page.wait_for_timeout(100)
        after = page.value(paddle)
        assert after < before - 8.0 if upwards else after > before + 8.0
        page.page.wait_for_timeout(200)
        assert page.value(paddle) == after, "it stops when the stick is let go"
    page.value("pad.buttons[9].pressed = true")
    page.page.wait_for_function("app.mode === 'paused'", timeout=3000)


@pytest.fixture(scope="module")
def flyer(tmp_path_factory):
    """The page of a game with eight directions and two more actions."""
    out = tmp_path_factory.mktemp("flyer") / "out"
    source = Path(__file__).parent / "flyer.py"
    assert main([str(source), "--single", "--out", str(out), "--runs", str(out.parent)]) == 0
    return (out / "flyer.html").as_uri()


def finger(page, kind: str, x: int, y: int, number: int = 7):
    page.value(f"document.querySelector('#stage').dispatchEvent(new PointerEvent('pointer{kind}', "
               f"{{bubbles: true, pointerId: {number}, clientX: {x}, clientY: {y}}}))")  # fmt: skip


def test_a_finger_drags_as_a_stick_and_buttons_do_the_rest(opened, flyer):
    page = opened(flyer, **PHONE)
    page.page.tap("[data-do=play]")
    page.page.wait_for_function("app.mode === 'playing'", timeout=10_000)
    place = "['x', 'y'].map(name => app.match.boards[0].state.get(name))"
    finger(page, "down", 200, 400)
    page.page.wait_for_timeout(150)
    assert page.value(place) == [42.0, 42.0], "a finger that stays is no direction"
    for (dx, dy), signs in (((60, -60), (1, -1)), ((-60, 5), (-1, 0)), ((0, 60), (0, 1))):
        before = page.value(place)
        finger(page, "move", 200 + dx, 400 + dy)
        page.page.wait_for_timeout(400)
        after = page.value(place)
        assert [(new > old + 1.0) - (new < old - 1.0) for new, old in zip(after, before, strict=True)] == list(signs)
    finger(page, "up", 200, 460)
    page.page.wait_for_timeout(100)
    stood = page.value(place)
    assert page.page.locator("#buttons button").all_inner_texts() == ["drop", "fold wings"]
    page.page.locator("#buttons button", has_text="fold wings").tap()
    page.page.wait_for_function("app.match.boards[0].state.get('folded') > 0", timeout=3000)
    assert page.value("app.match.boards[0].state.get('crates')") == 0 and page.value(place) == stood


def test_a_pads_cross_makes_chords_and_its_buttons_are_the_other_actions(opened, flyer):
    page = opened(flyer)
    page.value(PAD)
    begin(page)
    page.value("pad.buttons[12].pressed = pad.buttons[14].pressed = true")
    page.page.wait_for_function(
        "app.match.boards[0].state.get('x') < 38 && app.match.boards[0].state.get('y') < 38", timeout=5000
    )
    page.value("pad.buttons[12].pressed = pad.buttons[14].pressed = false")
    page.value("pad.buttons[1].pressed = true")
    page.page.wait_for_function("app.match.boards[0].state.get('folded') > 0", timeout=3000)
    page.value("pad.buttons[1].pressed = false")
    page.value("pad.buttons[0].pressed = true")
    page.page.wait_for_function("app.match.boards[0].state.get('crates') > 0", timeout=3000)


def test_sixty_ticks_a_second(opened, pages):
    page = opened((pages / "single" / "pong.html").as_uri())
    begin(page)
    ticks, seconds = page.value("""new Promise(done => {
        const from = app.clock.done, begun = performance.now();
        setTimeout(() => done([app.clock.done - from, (performance.now() - begun) / 1000]), 3000); })""")
    assert ticks == pytest.approx(60.0 * seconds, abs=2)


def test_the_tutorials_game_becomes_a_page(opened, tmp_path):
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    (tmp_path / "rain.py").write_text(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[-1], "utf-8")
    assert main([str(tmp_path / "rain.py"), "--single", "--out", str(tmp_path / "out"), "--runs", str(tmp_path)]) == 0
    page = opened((tmp_path / "out" / "rain.html").as_uri())
    assert (tmp_path / "out" / "rain.html").stat().st_size < 400 * 1024
    begin(page)
    page.page.keyboard.down("ArrowLeft")
    page.page.wait_for_function("app.match.boards[0].state.get('x') < 10", timeout=5000)


# --- it computes as Python does -------------------------------------------------------------------------------------

HASHES = """([seed, bots, actions, ticks]) => {
    const seats = bots.map(skill => skill === null ? {kind: "human", name: "You"} : {kind: "bot", skill, name: "Bot"});
    const board = new Board(app.game, app.gameModule, seats, seed), found = [];
    for (const [k] of board.people) board.slot.set("frame_skip", app.game.frameSkip, k);
    board.restart(0);
    for (let tick = 0, episode = 0; tick < ticks; tick++) {
        for (const [k] of board.people) if (board.isAsked(k)) board.actions[k] = BigInt(actions[tick % actions.length]);
        board.compiled.call("step");
        if (tick % 60 === 59 || board.endFlag[0] !== RUNNING) found.push(Array.from(board.recorder.hash()).join());
    }
    return found;
}"""


def hashes(game, seed: int, bots: list, actions: list[int], ticks: int) -> list[str]:
    """The same in Python."""
    skills = [-2.0 if skill is None else skill for skill in bots]
    batch = Batch(game, 1, seed, bots=[skills])
    batch.reset(0, max_ticks=0)
    found, given = [], np.zeros((1, game.players), np.int64)
    while not batch.asked.any() and None in bots:
        batch.step(given, max_ticks=0)
    for tick in range(ticks):
        for k, skill in enumerate(bots):
            if skill is None and batch.asked[0, k]:
                given[0, k] = actions[tick % len(actions)]
        batch.step(given, max_ticks=0)
        if tick % 60 == 59 or batch.end[0]:
            found.append(",".join(map(str, state_hash(batch))))
    return found


@pytest.mark.parametrize("name", games.names())
def test_states_are_the_same_bytes_for_twenty_thousand_ticks(name, opened, pages):
    game = games.load(name)
    page = opened((pages / "single" / f"{name}.html").as_uri())
    random = np.random.default_rng(9)
    actions = random.integers(0, game.num_actions, 997).tolist()
    for seed in SEEDS:
        bots = [0.5, 1.0][: game.players] if seed % 2 == 0 else [None, 0.5][: game.players]
        mine = hashes(game, seed, bots, actions, TICKS)
        assert len(set(mine)) > 100
        assert page.page.evaluate(HASHES, [seed, bots, actions, TICKS]) == mine, f"seed {seed}"


DECISIONS = """([seed, agent, count]) => {
    const players = app.game.players, seats = [], chosen = {...DATA.agents[agent], temperature: 0, delay: 0};
    for (let k = 0; k < players; k++) seats.push({kind: "agent", name: "A", agent: chosen, network: () => app.network(chosen)});
    const board = new Board(app.game, app.gameModule, seats, seed), found = [];
    for (const [k, player] of board.players) {
        const run = player.network.run.bind(player.network);
        player.network.run = seen => {
            const result = run(seen), bytes = new Uint8Array(seen.buffer, seen.byteOffset, seen.byteLength);
            found.push({seen: btoa(String.fromCharCode(...bytes)), ...result});
            return result;
        };
    }
    for (let episode = 1; found.length < count; ) {
        board.rest = 0;
        board.tick();
        if (board.done) board.restart(episode++);
    }
    return found.slice(0, count);
}"""


@pytest.mark.parametrize("name", games.names())
def test_agents_see_and_decide_as_in_python(name, opened, pages):
    game = games.load(name)
    page = opened((pages / "single" / f"{name}.html").as_uri())
    from agents.web.cast import cast_of

    cast = cast_of(game, [], Path("runs"))
    count = 2000 // len(cast)
    for number, each in enumerate(cast):
        found = page.page.evaluate(DECISIONS, [number, number, count])
        kind = np.float32 if each.agent.info.settings.observation == "objects" else np.uint8
        shape = (each.agent.info.settings.stack, *View(Batch(game, 1), [(0, 0)], *each.sight, 1).frame)
        seen = np.stack([np.frombuffer(base64.b64decode(row["seen"]), kind).reshape(shape) for row in found])
        scores, _ = each.agent.scores(seen, None)
        mine = np.array([row["scores"] for row in found])
        np.testing.assert_allclose(mine, scores, atol=1e-3)
        first, second = np.sort(scores, 1)[:, -1], np.sort(scores, 1)[:, -2]
        clear = first - second > 1e-4  # ties apart
        assert clear.sum() > 0.9 * count
        assert (mine.argmax(1) == scores.argmax(1))[clear].all()


def test_an_agent_plays_in_a_page_as_in_python(opened, pages):
    """Delay, stack, mask and sides together: a level against the bot, the states each second."""
    game = games.load("pong")
    page = opened((pages / "single" / "pong.html").as_uri())
    found = page.value("""(() => {
        const agent = DATA.agents[6], seats = [{kind: "bot", skill: 1, name: "Bot"},
            {kind: "agent", name: "A", agent, network: () => app.network(agent)}];
        const board = new Board(app.game, app.gameModule, seats, 4);
        while (!board.done) board.tick();
        return board.recorder.allHashes().map(hash => Array.from(hash).join()); })()""")
    torch.manual_seed(0)
    ladder = ladder_of(game)
    agent = ladder.agent(ladder.named("level:7"), game)
    batch = Batch(game, 1, 4, bots=[[1.0, -2.0]])
    player = agent.player(batch, [(0, 1)])
    batch.reset(0, max_ticks=0)
    recorder, actions = Recorder(batch), np.zeros((1, 2), np.int64)
    while not batch.end[0]:
        if batch.asked.any():
            player.act(actions)
        batch.step(actions, max_ticks=0)
        recorder.add()
    assert found == [",".join(map(str, mark)) for mark in recorder.track().hashes]


@pytest.mark.parametrize("name", games.names())
def test_a_replay_of_a_page_verifies_in_python(name, opened, pages, tmp_path):
    game = games.load(name)
    page = opened((pages / "single" / f"{name}.html").as_uri())
    page.value("""(() => {
        app.newMatch([...app.chooser.participants()].map(seat => seat.kind === "human" ? app.chooser.machines.at(-1) : seat));
        app.match.restart();
        for (let k = 0; k < 30000 && !app.match.result; k++) app.match.tick();
        app.show("result"); })()""")
    with page.page.expect_download() as download:
        page.page.click("[data-do=keep]")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == f"{name}.replay"
    replay = unpack(file.read_bytes(), game, file)
    assert replay.header.finished and replay.ticks > 5
    assert Playback(game, replay).verify() is None


def test_rules_are_not_much_slower_than_here(opened, pages):
    """Ticks of Pong a second with two bots: in the page, and here in a batch of 512, a tick a call."""
    page = opened((pages / "single" / "pong.html").as_uri())
    there = page.value("""(() => {
        const seat = {kind: "bot", skill: 0.5, name: "Bot"}, board = new Board(app.game, app.gameModule, [seat, seat], 1);
        const { step } = board.compiled.exports, run = count => { for (let k = 0; k < count; k++) step(); };
        run(200000);
        const begun = performance.now();
        run(2000000);
        return [2e9 / (performance.now() - begun), board.slot.get("episode")]; })()""")
    batch, none = Batch(games.load("pong"), 512, bots=0.5), np.zeros((512, 2), np.int64)
    for _ in range(100):
        batch.step(none, max_ticks=0)
    begun = time.perf_counter()
    for _ in range(2000):
        batch.step(none, max_ticks=0)
    here = 2000 * 512 / (time.perf_counter() - begun)
    print(json.dumps({"there": round(there[0]), "here": round(here)}))
    assert there[1] > 100 and batch.episode.sum() > 100  # both have played whole games
    assert there[0] >= 0.4 * here


TIMES = """([agent, count]) => {
    const chosen = DATA.agents[agent], seat = {kind: "agent", name: "A", agent: chosen, network: () => app.network(chosen)};
    const board = new Board(app.game, app.gameModule, [seat, seat], 1), times = [];
    for (const player of board.players.values()) {
        const act = player.act.bind(player);
        player.act = () => {
            const begun = performance.now(), action = act();
            times.push(performance.now() - begun);
            return action;
        };
    }
    for (let episode = 1; times.length < count; ) {
        board.tick();
        if (board.done) board.restart(episode++);
    }
    return times.sort((a, b) => a - b);
}"""


def test_decisions_are_quick_and_the_first_tick_comes_soon(opened, pages):
    page = opened((pages / "single" / "pong.html").as_uri())
    times = page.page.evaluate(TIMES, [6, 4000])
    figures = {
        "p99": times[3960],
        "opened": page.value("performance.timing.domComplete - performance.timing.navigationStart"),
    }
    print(json.dumps(figures))
    assert figures["p99"] <= 4.0 and figures["opened"] <= 1500.0


HEAVY = {"small": {"size": 42, "stack": 3}, "nature": {"size": 84, "stack": 4}, "impala": {"size": 84, "stack": 4}}


def test_larger_networks_decide_before_their_next_decision_is_due(opened, tmp_path):
    for network, seen in HEAVY.items():
        random_agent("ppo", AgentSettings(network=network, **seen)).save(tmp_path / f"{network}.safetensors")
    agents = [str(tmp_path / f"{network}.safetensors") for network in HEAVY]
    assert main(["pong", *agents, "--single", "--out", str(tmp_path / "out")]) == 0
    page = opened((tmp_path / "out" / "pong.html").as_uri())
    figures = {}
    for number, network in enumerate(HEAVY):
        times = page.page.evaluate(TIMES, [number, 200])
        figures[network] = {"median": times[100], "p99": times[198]}
    print(json.dumps(figures))
    assert max(each["median"] for each in figures.values()) < 1000.0 * games.load("pong").frame_skip / 60.0
