"""Replays: a game's file plays again as it was, wherever one begins; damaged and foreign ones are told in words."""

from pathlib import Path

import numpy as np
import pytest

import games
from games.engine import levels
from games.engine.batch import RANDOM, RUNNING, Batch
from games.errors import UserError
from games.replay import format as replay_format
from games.replay.format import Header, Replay, ReplaySeat, pack, unpack, unpack_header
from games.replay.playback import Playback
from games.replay.recorder import Recorder, state_hash
from tests.games import gates_as_data

PATH = Path("it.replay")
RACE = (Path(__file__).parents[1] / "race.py").read_text("utf-8") + gates_as_data.TEXT


def recorded(game, bots, seed=4, ticks=400, levels=None, delay=3, episode=2):
    """A batch plays with bots in the kernel; the replay, and the hash of the state after each tick."""
    batch = Batch(game, 1, seed, bots=[bots], levels=levels, delay=0 if game.turns else delay)
    batch.reset(episode)
    recorder, hashes = Recorder(batch), [state_hash(batch)]
    for _ in range(ticks):
        batch.step(np.zeros((1, game.players), np.int64), max_ticks=0)
        recorder.add()
        hashes.append(state_hash(batch))
        if batch.end[0] != RUNNING:
            break
    track = recorder.track()
    number = recorder.level
    header = Header(
        written_by="0.2.0", game=game.name, version=game.version, digest="" if game.shipped else game.digest, seed=seed,
        episode=episode, level=number, bank=batch.bank[number].tobytes() if len(batch.bank) else b"",
        seats=[ReplaySeat(name=f"Bot {k}", kind="scripted") for k in range(game.players)],
        ticks=[len(track.actions)], every=recorder.every,
    )  # fmt: skip
    return Replay(header, [track]), hashes


@pytest.mark.parametrize(
    "name, bots, ticks", [("pong", [0.5, RANDOM], 400), ("connect_four", [0.4, 0.8], 60), ("breakout", [0.3], 500)]
)
def test_a_file_plays_again_hash_by_hash(name, bots, ticks):
    game = games.load(name)
    replay, hashes = recorded(game, bots, ticks=ticks)
    back = unpack(pack(replay), game, PATH)
    playback = Playback(game, back)
    assert playback.verify() is None
    found = []
    playback.seek(0)
    for tick in range(replay.ticks + 1):
        playback.seek(tick)
        found.append(state_hash(playback.batches[0]))
    assert found == hashes
    for tick in (replay.ticks, 7, replay.ticks // 2, 130, 0):
        playback.seek(tick)
        assert playback.tick == min(tick, replay.ticks) and state_hash(playback.batches[0]) == hashes[playback.tick]


@pytest.mark.parametrize("toy_name", ["maze_chase", "morra", "placements", "passes"])
def test_games_of_all_kinds_play_again(toy, toy_name):
    game = toy(toy_name)
    replay, _ = recorded(game, [RANDOM] * game.players, ticks=300)
    assert Playback(game, unpack(pack(replay), game, PATH)).verify() is None
    assert len({tuple(row) for row in replay.tracks[0].actions.tolist()}) > 1


def test_a_level_of_a_bank_is_in_the_file(make_game):
    game = make_game(RACE, "race")
    bank = levels.records(game, levels.Levels("five", np.arange(5)))
    replay, _ = recorded(game, [RANDOM] * game.players, levels=bank, ticks=100)
    assert replay.header.bank and Playback(game, unpack(pack(replay), game, PATH)).verify() is None
    replay.header.bank = replay.header.bank[:-1]
    with pytest.raises(UserError, match="LEVEL has changed"):
        Playback(game, replay)


def test_a_minute_takes_a_few_kilobytes():
    game = games.load("pong")
    replay, _ = recorded(game, [1.0, 1.0], ticks=3600)
    assert replay.ticks > 1800 and len(pack(replay)) < 4000 * replay.ticks / 3600 + 500


def test_a_recording_that_was_cut_goes_on():
    game = games.load("pong")
    batch = Batch(game, 1, 1, bots=[[RANDOM, RANDOM]])
    recorder = Recorder(batch)
    states = []
    for _ in range(130):
        states.append(batch.snapshot())
        batch.step(np.zeros((1, 2), np.int64), max_ticks=0)
        recorder.add()
    for cut in (125, 60, 30):
        batch.restore(states[cut])
        recorder.cut(cut)
        batch.bots[:] = 0.5
        for _ in range(130 - cut):
            batch.step(np.zeros((1, 2), np.int64), max_ticks=0)
            recorder.add()
        header = recorded(game, [0.5, 0.5], seed=1, episode=0, ticks=1)[0].header
        header.ticks = [recorder.ticks]
        assert Playback(game, Replay(header, [recorder.track()])).verify() is None


def test_another_version_is_told_with_the_tick(make_game):
    pong = games.load("pong")
    text = pong.path.read_text("utf-8")
    game = make_game(text, "my_pong")
    replay, _ = recorded(game, [0.5, 0.5])
    speed = next(line for line in text.splitlines() if line.startswith("PADDLE_SPEED"))
    slower = text.replace(speed, speed.replace("= ", "= 0.5 * ", 1))
    told = str(Playback(make_game(slower, "my_pong"), replay).verify())
    assert told == "differs at tick 60: the game's file has changed since"
    newer = slower.replace(f"VERSION = {pong.version}\n", f"VERSION = {pong.version + 1}\n")
    other = make_game(newer, "my_pong")
    assert f"VERSION is {game.version + 1} now, and was {game.version}" in str(Playback(other, replay).verify())


def test_damage_is_told_in_words():
    game = games.load("pong")
    replay, _ = recorded(game, [0.5, 0.5])
    data = pack(replay)
    for place in (3, 9, 50, len(data) - 1):
        broken = bytearray(data)
        broken[place] ^= 0x55
        with pytest.raises(UserError, match=r"damaged|no replay"):
            unpack(bytes(broken), game, PATH)
    with pytest.raises(UserError, match="damaged"):
        unpack(data[:-5], game, PATH)
    with pytest.raises(UserError, match="newer version"):
        unpack(data.replace(b"SPARREP1", b"SPARREP2", 1), game, PATH)
    with pytest.raises(UserError, match="replay of 'pong', not of breakout"):
        unpack(data, games.load("breakout"), PATH)
    assert unpack_header(data, PATH).seats[0].name == "Bot 0"


def test_actions_that_no_game_has_never_reach_compiled_code():
    game = games.load("pong")
    replay, _ = recorded(game, [0.5, 0.5])
    for action in (-1, game.num_actions, 30_000):
        replay.tracks[0].actions[5, 1] = action
        with pytest.raises(UserError, match=f"has no action {action}"):
            unpack(pack(replay), game, PATH)
    replay.tracks[0].actions[5, 1] = 0
    replay.header.ticks = [game.max_ticks + 1]
    with pytest.raises(UserError, match="ends after"):
        unpack(pack(replay), game, PATH)


def test_what_unpacks_to_too_much_is_refused(monkeypatch):
    game = games.load("pong")
    replay, _ = recorded(game, [0.5, 0.5])
    data = pack(replay)
    monkeypatch.setattr(replay_format, "LONGEST", 100)
    with pytest.raises(UserError, match="cannot be read"):
        unpack(data, game, PATH)


def test_a_game_that_ends_earlier_than_it_did_differs():
    game = games.load("connect_four")
    replay, _ = recorded(game, [0.2, 1.0], ticks=60)
    track = replay.tracks[0]
    longer = np.concatenate([track.actions, track.actions[:3]])
    more = Replay(replay.header, [replay_format.Track(longer, [*track.hashes, *track.hashes[:3]])])
    more.header.ticks = [len(longer)]
    found = Playback(game, more).verify()
    assert found and found.tick == len(track.actions)
