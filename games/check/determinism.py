"""A seed determines the game: in any process, after a snapshot, in any batch, compiled or not."""

import numpy as np

from games import core
from games.check.compare import changed, contents, must_agree
from games.check.definition import DRAWN, PLAYED, Failed, check, located
from games.check.play import DECISIONS, PAINTED, PLAIN_SECONDS, Play
from games.check.process import elsewhere, task
from games.engine.batch import RUNNING
from games.engine.loader import Game

MOST_DRAWS = 1_000_000  # numbers drawn from the random stream between two decisions, at most


@task()
def play(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game).run(DECISIONS)


@check("same seed, same bytes, in another process too", calls=DRAWN)
def repeats(game: Game) -> str | None:
    """Also: another seed gives other episodes, and an episode does not depend on those before it."""
    player = Play(game)
    record = player.run(DECISIONS)
    must_agree(record, Play(game).run(DECISIONS), "the same seed twice in one process")
    must_agree(record, elsewhere(game, play), "the same seed in another process")
    other_seed = Play(game, seed=2, pictures=0).run(DECISIONS)
    if (contents(record["states"][:, 0]) == contents(other_seed["states"][:, 0])).all():
        raise Failed(located(game, "reset", "another seed plays the same games: draw with uniform(s)"))
    check_openings(player, record)
    ends = int((record["end"] != RUNNING).sum())
    return f"{ends} episodes" if ends else f"none of them ended in {DECISIONS} decisions"


def check_openings(player: Play, record: dict[str, np.ndarray]) -> None:
    """Episode 1 begins in the same state whether or not episode 0 was played."""
    fresh = Play(player.game)
    fresh.batch.reset(episode=1)
    for env in range(player.batch.num_envs):
        ends = np.flatnonzero(record["end"][:, env] != RUNNING)
        if len(ends):
            for field in changed(record["states"][ends[0], env], fresh.batch.states[env]):
                what = f"the field {field} at the start of an episode depends on the episode before it: write it in reset"
                raise Failed(located(player.game, "reset", what))


@task()
def resume(game: Game, given: bytes) -> dict[str, np.ndarray]:
    player = Play(game, pictures=0)
    player.batch.restore(given)
    player.count = DECISIONS // 4
    return player.run(DECISIONS // 4)


@check("a snapshot goes on identically, in another process too", calls=(*PLAYED, "valid"))
def resumes(game: Game) -> None:
    player = Play(game, pictures=0)
    player.run(DECISIONS // 4)
    snapshot = player.batch.snapshot()
    continued = player.run(DECISIONS // 4)
    must_agree(continued, resume(game, snapshot), "restored in the same process")
    must_agree(continued, elsewhere(game, resume, snapshot), "restored in another process")


@task()
def poisoned(game: Game, given: bytes) -> dict[str, np.ndarray]:
    player = Play(game, pictures=0)
    for array in (player.batch.states, player.batch.final):
        array.view(np.uint8)[:] = 0xAB
    player.batch.reset()
    return player.run(DECISIONS // 4)


@check("a start leaves nothing behind", about="reset", calls=PLAYED)
def clean_start(game: Game) -> None:
    """Play is the same if the record was full of rubbish before `build` and `reset`."""
    clean = Play(game, pictures=0).run(DECISIONS // 4)
    must_agree(clean, elsewhere(game, poisoned), "begun in a record full of rubbish")


@check("a batch is its environments one by one, on any number of threads", calls=DRAWN)
def batches(game: Game) -> None:
    together = Play(game, ids=7)
    record = together.run(DECISIONS // 4)
    for threads in (2, 3):
        player = Play(game, ids=7, threads=threads)
        must_agree(record, player.run(DECISIONS // 4), f"on {threads} threads")
        player.batch.close()
    for env in range(7):
        alone = Play(game, ids=[env]).run(DECISIONS // 4)
        rows = {name: game.players if name in PAINTED else 1 for name in record}  # rows of each environment
        of_env = {name: array[:, env * rows[name] : (env + 1) * rows[name]] for name, array in record.items()}
        must_agree(of_env, alone, f"environment {env} of 7 played alone")


@task(plain=True)
def play_plain(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game, ids=4, pictures=5).run(200, PLAIN_SECONDS)


@check("compiled equals plain Python", calls=DRAWN)
def plain(game: Game) -> str:
    slow = elsewhere(game, play_plain)
    decisions = len(slow["states"])
    if decisions < 20:
        raise Failed(f"plain Python is too slow to compare: {decisions} decisions in {PLAIN_SECONDS:.0f} s")
    must_agree(Play(game, ids=4, pictures=5).run(decisions), slow, "compiled and plain Python", pictures=5)
    return f"{4 * decisions} decisions"


@check("only uniform moves the random stream", calls=PLAYED)
def stream(game: Game) -> None:
    """splitmix64 adds an odd constant for each number drawn, so the state tells how many were drawn."""
    inverse = pow(core.GOLDEN, -1, 2**64)
    rng = Play(game, pictures=0).run(DECISIONS // 2)
    moves = rng["states"]["rng"][1:] - rng["states"]["rng"][:-1]
    for t, env in np.argwhere(rng["end"][1:] == RUNNING):
        if int(moves[t, env]) * inverse % 2**64 > MOST_DRAWS:
            raise Failed(f"rng was written by something else than uniform, decision {t + 1}, environment {env}")
