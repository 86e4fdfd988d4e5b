"""Golden games: under the same VERSION a game of bots with the same seed never changes."""

import pytest

import games
from tests import golden


@pytest.mark.parametrize("name", games.names())
def test_a_golden_game_does_not_change_under_the_same_version(name):
    game = games.load(name)
    file = golden.path(game)
    if not file.exists() or golden.version(file.read_text("utf-8")) != game.version:
        pytest.fail(f"{game.heading} has no golden game of version {game.version}. This makes it: {golden.command(game)}")
    assert golden.golden_game(game) == file.read_text("utf-8"), f"raise VERSION in {game.path}, or mend the rules"


def test_there_is_no_golden_game_without_a_game():
    assert {file.stem for file in golden.FOLDER.glob("*.txt")} <= set(games.names())


def test_a_golden_game_shows_a_change_of_any_field(toy):
    """The hash covers every field of the state."""
    from games.engine.batch import Batch

    batch = Batch(toy("fog"), 1)
    seen = {golden.state_hash(batch.states[0])}
    for field in batch.states.dtype.names:
        changed = batch.states.copy()
        flat = changed[field].reshape(-1)
        flat[-1] += 1
        changed[field] = flat.reshape(changed[field].shape)
        seen.add(golden.state_hash(changed[0]))
    assert len(seen) == 1 + len(batch.states.dtype.names)
