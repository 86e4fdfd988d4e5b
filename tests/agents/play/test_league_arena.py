"""Opponents of a league: drawn where an episode begins, with their own views and memories, and never learned from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents.core.settings import AgentSettings
from agents.networks.inference import prepared_scores
from agents.networks.normalization import ValueNorm
from agents.participants import participant
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.arena import GameArena
from agents.play.league_arena import LeagueArena
from agents.play.pool import Member, Pool
from agents.play.seats import Participant
from games.engine.batch import RANDOM, Workers

ROOT = Path(__file__).parents[3]
SEEN = AgentSettings(size=12, hidden=16, stack=2)
LSTM = replace(SEEN, memory="lstm", memory_size=8, stack=1)
OBJECTS = replace(SEEN, observation="objects", network="mlp", stack=1)


def agent_of(game, settings, seed, algorithm="ppo"):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(game, settings, algorithm)
        head = network.policy if algorithm == "ppo" else network.advantage
        torch.nn.init.normal_(head.weight)  # else all actions are nearly as good
    return Agent(game, describe_agent(game, settings, algorithm), network)


def of_agents(*agents):
    return [Member(key, f"agent {key}", "past", agent=agent, steps=key) for key, agent in enumerate(agents)]


def of_bots(*skills):
    return [Member(key, f"bot:{skill}", "bots", bot=skill) for key, skill in enumerate(skills)]


def arena_of(game, members, envs=16, self_share=0.0, seed=5, shares=None):
    pool = Pool(members, shares or {"past": 1.0, "bots": 1.0, "odd": 1.0, "random": 1.0}, "uniform", self_share)
    return LeagueArena(game, envs, seed, pool, SEEN, Workers(1))


def play(arena, steps, seed=0):
    """Random play; yields after each step."""
    chance = np.random.default_rng(seed)
    for _ in range(steps):
        legal = arena.view.masks() if arena.masked else None
        arena.view.observe()
        actions = chance.integers(arena.game.num_actions, size=arena.view.rows)
        if legal is not None:
            actions = np.where(legal.any(1), (legal * chance.random(legal.shape)).argmax(1), 0)
        yield arena.step(actions)


@pytest.fixture(scope="module")
def tally():
    return games.load(ROOT / "tests" / "games" / "tally.py")


@pytest.fixture(scope="module")
def short_pong(changed):
    return changed("games/pong.py", {"MAX_TICKS = 60 * 180": "MAX_TICKS = 120"})


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    home = tmp_path_factory.mktemp("changed")

    def load(path, changes):
        text = (ROOT / path).read_text("utf-8")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (home / Path(path).name).write_text(text, "utf-8")
        return games.load(home / Path(path).name)

    return load


def test_an_opponent_plays_its_episode_from_the_first_tick_to_the_last(tally):
    """The first seat's bot stays below skill 0.5 and else goes right, the second's stays and goes left."""
    arena = arena_of(tally, of_bots(0.0, 1.0))
    who, changes = arena.who.copy(), 0
    for _, _end in play(arena, 150):
        for row in np.flatnonzero(arena.batch.end[arena.envs]):
            env, seat = arena.envs[row], arena.seats[row]
            told = arena.batch.final["told"][env, : arena.batch.ticks[env], seat]
            assert set(told.tolist()) == {0 if who[row] == 0 else 2 - seat}
            changes += arena.who[row] != who[row]
        running = arena.batch.end[arena.envs] == 0
        assert (arena.who[running] == who[running]).all()
        who = arena.who.copy()
    assert changes > 20


@pytest.mark.parametrize("name", ["pong", "connect_four"])
@pytest.mark.parametrize("opponent", ["bot", "agent", "lstm", "random"])
def test_a_pool_of_one_plays_as_that_opponent_alone(name, opponent, short_pong):
    game = short_pong if name == "pong" else games.load(name)
    if opponent in ("bot", "random"):
        alone, members = participant(opponent, game), of_bots(0.5 if opponent == "bot" else RANDOM)
    else:
        settings = LSTM if opponent == "lstm" else SEEN
        alone = Participant("agent", agent=agent_of(game, settings, 1))
        members = of_agents(agent_of(game, settings, 1))
    fixed = GameArena(game, 16, 5, [alone], SEEN, Workers(1))
    league = arena_of(game, members)
    for (reward, end), (other_reward, other_end) in zip(play(fixed, 80), play(league, 80), strict=True):
        assert (reward == other_reward).all() and (end == other_end).all()
        assert fixed.batch.states.tobytes() == league.batch.states.tobytes()
    assert fixed.batch.episode.min() >= 1


@pytest.mark.parametrize("name", ["pong", "connect_four"])
def test_agents_of_any_kind_sit_side_by_side_each_with_its_own_view_and_memory(name, short_pong):
    game = short_pong if name == "pong" else games.load(name)
    agents = [
        agent_of(game, SEEN, 1),
        agent_of(game, SEEN, 2),
        agent_of(game, LSTM, 3),
        agent_of(game, LSTM, 4),
        agent_of(game, OBJECTS, 5),
        agent_of(game, SEEN, 6, "dqn"),
    ]
    arena = arena_of(game, of_agents(*agents), envs=32)
    rows = np.stack([arena.envs, arena.seats], 1)
    alone = [agent.player(arena.batch, rows) for agent in agents]
    original, checked = arena.crowd.act, 0

    def act(who, actions):
        nonlocal checked
        original(who, actions)
        for key, player in enumerate(alone):  # each plays all rows; those that are its own must agree
            expected = np.full_like(actions, -5)
            player.act(expected)
            mine = (who == key) & (arena.batch.asked[arena.envs, arena.seats] == 1)
            there = arena.envs[mine], arena.seats[mine]
            assert (actions[there] == expected[there]).all(), key
            checked += mine.sum()

    arena.crowd.act = act
    for _ in play(arena, 70):
        pass
    assert checked > 500 and len(arena.crowd.families) == 4


def test_who_sits_plays_its_game_to_the_end_with_its_memory_when_members_come_and_go(short_pong):
    agents = [agent_of(short_pong, LSTM, seed) for seed in (1, 2, 3)]
    arena = arena_of(short_pong, of_agents(*agents[:2]))
    leaving = agents[0].player(arena.batch, np.stack([arena.envs, arena.seats], 1))  # plays all rows, as if nobody had come
    original, played, after = arena.crowd.act, 0, None

    def act(who, actions):
        nonlocal played
        original(who, actions)
        expected = np.full_like(actions, -5)
        leaving.act(expected)
        mine = (who == 0) & (arena.batch.asked[arena.envs, arena.seats] == 1)
        there = arena.envs[mine], arena.seats[mine]
        assert (actions[there] == expected[there]).all()
        played += 0 if after is None else mine.sum()

    arena.crowd.act = act
    for _ in play(arena, 45):
        pass
    arena.pool.members[0].active = False
    arena.pool.add(name="new", group="past", agent=agents[2], steps=3)
    arena.pool_changed()
    after = arena.who.copy()
    over = np.zeros(len(after), bool)
    for _ in play(arena, 60, 1):
        over |= arena.batch.end[arena.envs] != 0
        assert (arena.who[~over] == after[~over]).all() and not (arena.who[over] == 0).any()
    assert over.all() and played > 20 and 2 in arena.who


def test_who_is_drawn_depends_on_seed_environment_and_episode_alone(tally):
    def met(seed, actions_seed):
        arena, found = arena_of(tally, of_bots(0.0, 0.3, 0.7, 1.0), seed=seed), {}
        for _ in play(arena, 120, actions_seed):
            found |= {(e, int(arena.batch.episode[e])): int(k) for e, k in zip(arena.envs, arena.who, strict=True)}
            drawn = arena.pool.draw(arena.batch.seed, arena.envs, arena.batch.episode[arena.envs])
            assert (arena.who == drawn).all()  # everywhere, whichever episodes ended together
        return found

    one, other, third = met(5, 1), met(5, 2), met(6, 1)
    both = one.keys() & other.keys()
    assert len(both) > 50 and all(one[place] == other[place] for place in both)
    assert any(one[place] != third[place] for place in one.keys() & third.keys())
    assert set(one.values()) == {0, 1, 2, 3}


def test_only_the_learners_seats_are_rows_and_only_its_games_against_others_are_counted(tally):
    arena = arena_of(tally, of_bots(0.0, 1.0), envs=20, self_share=0.25)
    rows = set(zip(arena.view.envs.tolist(), arena.view.seats.tolist(), strict=True))
    opponents = set(zip(arena.envs.tolist(), arena.seats.tolist(), strict=True))
    assert len(rows) == 25 and len(opponents) == 15
    assert rows | opponents == {(env, seat) for env in range(20) for seat in (0, 1)} and not rows & opponents
    ended, won = 0, 0
    for _ in play(arena, 100):
        there = arena.batch.end[arena.envs] != 0
        ended += there.sum()
        won += (arena.batch.returns[arena.envs, 1 - arena.seats][there] > 0).sum()
    taken = arena.take_outcomes()
    assert taken[:, :3].sum() == ended and taken[:, 0].sum() == won and taken[:, 3].sum() == 15
    assert not arena.take_outcomes()[:, :3].any()


def test_odd_players_and_agents_have_their_own_delays(short_pong):
    late = Member(1, "odd:late", "odd", odd=2)
    slow = agent_of(short_pong, replace(SEEN, delay=9), 1)
    arena = arena_of(short_pong, [*of_agents(slow), late, Member(2, "bot", "bots", bot=0.5)])
    delays = {0: set(), 1: set(), 2: set()}
    for _ in play(arena, 100):
        for key, delay in zip(arena.who, arena.batch.delay[arena.envs, arena.seats], strict=True):
            delays[int(key)].add(int(delay))
    assert delays[0] == {9} and delays[2] == {0} and min(delays[1]) >= 6 and len(delays[1]) > 5


def test_it_goes_on_from_its_state_to_the_same_games(short_pong):
    members = [agent_of(short_pong, settings, seed) for seed, settings in enumerate((SEEN, LSTM))]
    sampling = [replace(agent.info, settings=replace(agent.info.settings, temperature=1.0)) for agent in members]
    odd = [Member(2 + kind, f"odd {kind}", "odd", odd=kind) for kind in range(7)]

    def fresh():
        agents = [Agent(short_pong, info, agent.network) for info, agent in zip(sampling, members, strict=True)]
        return arena_of(short_pong, [*of_agents(*agents), *odd], self_share=0.2)

    one, other = fresh(), fresh()
    for _ in play(one, 45):
        pass
    one.view.observe()
    other.restore({name: tensor.clone() for name, tensor in one.state().items()})
    for _ in zip(play(one, 45, 3), play(other, 45, 3), strict=True):
        assert one.batch.states.tobytes() == other.batch.states.tobytes() and (one.who == other.who).all()


def test_a_state_with_somebody_else_in_a_seat_is_refused(tally):
    arena = arena_of(tally, of_bots(0.0, 1.0))
    state = arena.state()
    with pytest.raises(ValueError, match="who is not in its pool"):
        arena.restore({**state, "who": torch.full_like(state["who"], 7)})
    with pytest.raises(ValueError, match="who sits in its environments is another"):
        arena.restore({**state, "who": 1 - state["who"]})


@pytest.mark.parametrize(("settings", "algorithm"), [(s, a) for s in (SEEN, OBJECTS) for a in ("ppo", "dqn", "pqn")])
def test_a_prepared_network_gives_the_same_scores(settings, algorithm):
    game = games.load("pong")
    for dueling in (True, False):
        seen = replace(settings, dueling=dueling, normalize_value=not dueling)
        network = agent_of(game, seen, 1, algorithm).network
        for module in network.modules():
            if isinstance(module, ValueNorm):
                module.mean.fill_(0.3)
                module.deviation.fill_(2.0)
        shape = (6, *network.encoder.stored)
        is_image = settings.is_image
        x = torch.randint(0, 255, shape, dtype=torch.uint8) if is_image else torch.randn(shape)
        scores = prepared_scores(network)
        assert scores is not None
        torch.testing.assert_close(scores(x), network.step(x, None)[0], rtol=1e-4, atol=1e-4)


def test_priorities_favour_those_who_still_win():
    members = of_bots(0.0, 0.5, 1.0)
    for member, record in zip(members, ([100, 0, 0], [50, 0, 50], [0, 0, 100]), strict=True):
        member.record = np.array(record, float)
    chances = {choice: Pool(members, {"bots": 1.0}, choice).chances for choice in ("hard", "even", "uniform")}
    assert (np.diff(chances["hard"]) > 0).all() and chances["hard"][2] > 0.75
    assert chances["even"].argmax() == 1 and np.allclose(chances["uniform"], 1 / 3)


def test_shares_hold_and_those_of_empty_groups_are_divided():
    members = [*of_bots(0.0, 1.0), Member(2, "random", "random", bot=RANDOM), Member(3, "old", "past", steps=1, active=False)]
    pool = Pool(members, {"bots": 0.5, "random": 0.25, "past": 0.25}, "uniform")
    assert np.allclose(pool.chances, [1 / 3, 1 / 3, 1 / 3, 0])
    drawn = pool.draw(1, np.arange(3000), np.zeros(3000, np.int64))
    assert np.abs(np.bincount(drawn, minlength=4) / 3000 - pool.chances).max() < 0.03
