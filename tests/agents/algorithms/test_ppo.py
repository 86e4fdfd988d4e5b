"""PPO's mathematics against hand-worked numbers and a slow loop; masks, threads and open decisions in the learner."""

import math
import platform
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numba import typeof

import games
from agents.algorithms import ppo_loss, ppo_loss_compiled
from agents.algorithms.advantages import advantages
from agents.algorithms.ppo import PPO, PPOSettings
from agents.algorithms.ppo_loss import Minibatch, PPOTerms, entropy, policy_loss, value_loss
from agents.core.settings import AgentSettings
from agents.experience.rollout import Rollout, truncated_rows
from agents.networks.action_choice import choose, masked, sample
from agents.participants import participant
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.arena import GameArena
from agents.play.seats import Participant
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING, Workers

REPEAT = Path(__file__).parents[2] / "learning" / "repeat.py"
SMALL = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 16, "n_steps": 8, "precision": "fp32"}


def columns(*rows, of=torch.float32):
    return torch.tensor(rows, dtype=of).T.contiguous()


# --- advantages ---


def test_advantages_are_those_worked_by_hand():
    """γ = 0.5, λ = 0.5. δ = (1 + 0.5·4 − 2, 0 + 0.5·6 − 4, 2 + 0.5·8 − 6) = (1, −1, 0); A₂ = 0, A₁ = −1, A₀ = 1 − 0.25."""
    everywhere, never = columns([1, 1, 1]) > 0, columns([0, 0, 0])
    result, known = advantages(columns([1, 0, 2]), columns([2, 4, 6]), everywhere, never, never, torch.tensor([8.0]), 0.5, 0.5)
    assert result.flatten().tolist() == [0.75, -1.0, 0.0]
    assert known.all()


def test_an_end_pays_nothing_more_and_a_time_out_what_the_cut_state_is_worth():
    """γ = 0.5. Over: δ = 3 − 1. Cut in a state worth 10: δ = 3 + 5 − 1. What follows belongs to another episode."""
    asked, end = columns([1, 1], [1, 1]) > 0, columns([OVER, RUNNING], [OUT_OF_TIME, RUNNING])
    reward, value, truncated_value = columns([3, 100], [3, 100]), columns([1, 50], [1, 50]), columns([10, 0], [10, 0])
    result, _ = advantages(reward, value, asked, end, truncated_value, torch.zeros(2), 0.5, 0.95)
    assert result[0].tolist() == [2.0, 7.0]


def test_a_decision_spans_the_others_move():
    """The row decides, waits while the other moves, and is paid when it is asked again: 2 + 0.5·6 − 1."""
    asked, never = columns([1, 0, 1]) > 0, columns([0, 0, 0])
    reward, value, unknown = columns([0, 2, 0]), columns([1, 99, 6]), torch.tensor([float("nan")])
    result, known = advantages(reward, value, asked, never, never, unknown, 0.5, 1.0)
    assert result[0].item() == 4.0
    assert known.flatten().tolist() == [True, False, False], "nobody knows yet what the last one came to"


def random_data(steps, rows, seed):
    """Anything at all: rows are asked or wait, are paid at any time, and their episodes end whenever they will."""
    rng = np.random.default_rng(seed)
    shape = (steps + 1, rows)
    end = rng.choice([RUNNING, OVER, OUT_OF_TIME], shape, p=[0.8, 0.1, 0.1])
    asked = rng.random(shape) < 0.6
    reward = rng.normal(size=shape)
    return {
        "reward": torch.tensor(reward[:-1], dtype=torch.float32),
        "value": torch.tensor(rng.normal(size=shape), dtype=torch.float32),  # one more: of what comes after
        "asked": torch.tensor(asked),
        "end": torch.tensor(end[:-1], dtype=torch.uint8),
        "truncated_value": torch.tensor(rng.normal(size=(steps, rows)), dtype=torch.float32),
    }


def slow_advantages(data, gamma, gae_lambda):
    """One row and one decision after the other, in plain numbers; nan where the outcome is not known."""
    steps, rows = data["reward"].shape
    result = np.full((steps, rows), np.nan)
    for row in range(rows):
        value, asked, end = (data[name][:, row].tolist() for name in ("value", "asked", "end"))
        for first in range(steps):
            if not asked[first]:
                continue
            total, weight, at = 0.0, 1.0, first
            while True:  # the sum of (γλ)ᵏ δₖ over this and later decisions of the episode
                earned, slot = 0.0, at
                while True:
                    earned += data["reward"][slot, row].item()
                    if end[slot] != RUNNING or slot == steps - 1 or asked[slot + 1]:
                        break
                    slot += 1
                if end[slot] != RUNNING:
                    after = data["truncated_value"][slot, row].item() if end[slot] == OUT_OF_TIME else 0.0
                    total += weight * (earned + gamma * after - value[at])
                    break
                if not asked[slot + 1]:  # the data ends before it is asked again: open
                    total = math.nan if at == first else total
                    break
                total += weight * (earned + gamma * value[slot + 1] - value[at])
                weight, at = weight * gamma * gae_lambda, slot + 1
                if at == steps:
                    break
            result[first, row] = total
    return result


def last_value(data):
    return torch.where(data["asked"][-1], data["value"][-1], float("nan"))


@pytest.mark.parametrize("seed", range(5))
def test_advantages_equal_a_slow_loop_whatever_ends_and_whoever_is_asked(seed):
    data = random_data(40, 30, seed)
    fast, known = advantages(
        data["reward"], data["value"][:-1], data["asked"][:-1], data["end"], data["truncated_value"], last_value(data), 0.9, 0.8
    )
    slow = slow_advantages(data, 0.9, 0.8)
    assert (known.numpy() == ~np.isnan(slow)).all()
    assert fast.numpy()[known] == pytest.approx(slow[known], abs=1e-4)


def test_short_rollouts_learn_from_the_same_decisions_as_a_long_one():
    """Thirty steps in tens of three: a decision left open goes on in slot 0, and each is learned from once (λ = 0)."""
    data = random_data(30, 50, 3)
    whole, known = advantages(
        data["reward"], data["value"][:-1], data["asked"][:-1], data["end"], data["truncated_value"], last_value(data), 0.9, 0.0
    )
    roll = Rollout.empty(3, 50, (1,), torch.float32, 3, False, "cpu")
    learner = SimpleNamespace(
        rollout=roll, collector=SimpleNamespace(memory=None), latest_state=None, device=torch.device("cpu")
    )
    found = {}
    for began in range(0, 30, 3):
        for name in ("reward", "end", "truncated_value"):
            getattr(roll, name)[1:] = data[name][began : began + 3]
        for name in ("value", "asked"):
            getattr(roll, name)[1:] = data[name][began : began + 3]
        roll.action[1:] = torch.arange(began, began + 3)[:, None]  # which decision this is
        after = torch.where(data["asked"][began + 3], data["value"][began + 3], float("nan"))
        part, closed = advantages(roll.reward, roll.value, roll.asked, roll.end, roll.truncated_value, after, 0.9, 0.0)
        for slot, row in closed.nonzero().tolist():
            place = (roll.action[slot, row].item(), row)
            assert place not in found
            found[place] = part[slot, row].item()
        PPO.carry_pending(learner, closed)
    assert found.keys() == {tuple(place) for place in known.nonzero().tolist()}
    assert all(value == pytest.approx(whole[place].item(), abs=1e-5) for place, value in found.items())
    assert len(found) > 500


# --- losses ---


def test_the_policy_loss_is_clipped_where_it_would_gain():
    """Ratios 1.5, 0.5, 1.5, 0.5 with ε = 0.2: min(1.5, 1.2), min(0.5, 0.8), min(−1.5, −1.2), min(−0.5, −0.8)."""
    ratio, advantage = torch.tensor([1.5, 0.5, 1.5, 0.5]), torch.tensor([1.0, 1.0, -1.0, -1.0])
    old = torch.tensor([-1.0, -2.0, -3.0, -0.5])
    loss = policy_loss(old + ratio.log(), old, advantage, 0.2)
    assert loss.item() == pytest.approx(-(1.2 + 0.5 - 1.5 - 0.8) / 4)


def test_the_value_loss_is_the_mean_square_and_clipped_only_when_asked_to():
    value, old, target = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0])
    assert value_loss(value, old, target, 0.0).item() == 1.0
    assert value_loss(value, old, target, 0.25).item() == pytest.approx((0.75**2 + 1.0) / 2)


def test_entropy_of_equals_is_the_logarithm_of_their_number():
    log_probs = torch.tensor([[1.0, 1.0, -math.inf, 1.0]]).log_softmax(1)
    assert entropy(log_probs).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("clip_range_vf", [0.0, 0.3])
@pytest.mark.parametrize("masks", [False, True])
def test_the_compiled_gradient_is_that_of_the_reference(masks, clip_range_vf):
    """Ratios on both sides of the clip, values too; masks of every kind, some that allow nothing."""
    chance, rows, actions = torch.Generator().manual_seed(3), 400, 5

    def normal(*shape):
        return torch.randn(*shape, generator=chance)

    logits, value = normal(300, actions), normal(300)
    indices = torch.randint(rows, (300,), generator=chance)
    mask = (torch.rand(rows, actions, generator=chance) < 0.6).to(torch.uint8)
    mask[:, 0] |= 1
    mask[:9] = 0
    action = (mask + 1e-3 * (mask.amax(1, keepdim=True) == 0)).multinomial(1, generator=chance).squeeze(1)
    flat = {"action": action, "value": normal(rows), "target": normal(rows), "advantage": normal(rows)}
    allowed = masked(logits, mask[indices] if masks else None).log_softmax(1).gather(1, action[indices][:, None]).squeeze(1)
    flat["log_prob"] = torch.zeros(rows).index_copy(0, indices, allowed + 0.3 * normal(300))
    flat |= {"mask": mask} if masks else {}
    settings = PPOSettings(clip_range_vf=clip_range_vf, vf_coef=0.7, ent_coef=0.05)
    minibatch = Minibatch(flat, indices, torch.tensor(0.2), torch.tensor(1.3), torch.tensor(2.0), settings)
    ways = (ppo_loss_compiled, ppo_loss)
    one, other = (way.loss_gradient(logits.clone(), value.clone(), minibatch) for way in ways)
    for mine, expected in zip(one, other, strict=True):
        assert mine.shape == expected.shape and torch.allclose(mine, expected, rtol=1e-4, atol=1e-5)
    terms = dict(zip(PPOTerms._fields, (one[2] / 300).tolist(), strict=True))
    assert 0.2 < terms["clip_fraction"] < 0.9 and (one[1] == 0).any() == (clip_range_vf > 0)
    assert not masks or (one[0] == 0).any(), "nothing pulls at what is forbidden"


# --- masks ---


@pytest.mark.parametrize("name", ["pong", "connect_four"])
def test_what_compiles_ahead_is_what_an_update_calls(name, monkeypatch):
    called, loop = [], ppo_loss_compiled._loss_gradient

    def noted(*arrays):
        called.append([typeof(array) for array in arrays])
        loop(*arrays)

    monkeypatch.setattr(ppo_loss_compiled, "_loss_gradient", noted)
    game = games.load(name)
    learner = PPO(game, PPOSettings(**SMALL, n_envs=8), 1, [participant("bot", game)])
    learner.compile_ahead()
    learner.iterate(lambda: 0.0)
    ahead, *later = called
    assert later and all(types == ahead for types in later)


def test_what_is_forbidden_is_never_drawn():
    logits, mask = torch.tensor([[0.0, 9.0, 0.0]]).repeat(10_000, 1), torch.tensor([[1, 0, 1]]).repeat(10_000, 1)
    generator = torch.Generator().manual_seed(1)
    for temperature in (0.0, 1.0, 5.0):
        assert set(choose(logits, mask, temperature, generator).tolist()) <= {0, 2}
    assert masked(logits, mask).log_softmax(1)[0].tolist() == pytest.approx([-math.log(2), -math.inf, -math.log(2)])


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.2, 0.5, 0.3]).log().repeat(100_000, 1)
    share = sample(logits, torch.Generator().manual_seed(1)).bincount() / 100_000
    assert share.tolist() == pytest.approx([0.2, 0.5, 0.3], abs=0.006)  # about four standard deviations


def test_gradients_through_a_mask_are_numbers():
    torch.manual_seed(0)
    logits = torch.randn(50, 4, requires_grad=True)
    mask = (torch.rand(50, 4) < 0.5).to(torch.uint8)
    mask[0] = 0  # a seat that is not asked
    log_probs = masked(logits, mask).log_softmax(1)
    (log_probs.amax(1).sum() + entropy(log_probs).sum()).backward()
    assert logits.grad.isfinite().all()
    barred = (mask == 0) & (mask.amax(1, keepdim=True) == 1)
    assert barred.any() and (logits.grad[barred] == 0).all()


def test_a_row_that_may_do_nothing_is_left_as_it_is():
    logits = torch.tensor([[1.0, 2.0]])
    assert (masked(logits, torch.zeros(1, 2, dtype=torch.uint8)) == logits).all()


def test_acting_and_learning_give_an_action_the_same_probability():
    """Before the first gradient step the ratio of new to old is 1 everywhere: masks and observations are the same."""
    learner = PPO(games.load(REPEAT), PPOSettings(**SMALL, n_envs=32, batch_size=1024, n_epochs=1), 1, [])
    learner.collect()
    roll = learner.rollout
    assert roll.mask[1:].gather(2, roll.action[1:, :, None]).all()
    assert roll.log_prob[1:].isfinite().all()
    metrics = learner.update(0.0)
    assert metrics["train/clip_fraction"] == 0
    assert abs(metrics["train/approx_kl"]) < 1e-6
    assert all(parameter.isfinite().all() for parameter in learner.network.parameters())


# --- the learner ---


def test_two_threads_give_the_gradient_of_one():
    game = games.load("pong")
    changes = {**SMALL, "observation": "pixels", "network": "patch", "size": 24, "n_epochs": 1, "batch_size": 4096}
    one, two = (PPO(game, PPOSettings(**changes, n_envs=32), 1, [participant("bot", game)], threads=n) for n in (1, 2))
    one.collect()
    two.last_value = one.last_value
    for name, tensor in one.rollout.fields().items():
        two.rollout.fields()[name][:] = tensor
    one.update(0.0)
    two.update(0.0)
    for mine, theirs in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert mine.grad.abs().max() > 0
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-5)
    two.workers.close()


def test_steps_count_the_decisions_of_learning_seats():
    game = games.load("connect_four")
    learner = PPO(game, PPOSettings(**SMALL, n_envs=6), 1, [None])
    learner.collect()
    assert learner.steps == int(learner.rollout.asked[1:].sum()) == 6 * 8, "one of two seats moves at a time"


def test_an_iteration_may_leave_every_decision_open():
    """One board, one ply, both seats learn: nothing is known before the second seat has answered."""
    learner = PPO(games.load("connect_four"), PPOSettings(**{**SMALL, "n_steps": 1}, n_envs=1), 1, [None])
    before = [parameter.clone() for parameter in learner.network.parameters()]
    for iteration in range(3):
        learner.collect()
        metrics = learner.update(0.0)
        changed = any((old != new).any() for old, new in zip(before, learner.network.parameters(), strict=True))
        assert changed == (iteration > 0)
        assert np.isfinite(metrics["train/value_loss"])


def test_the_learning_rate_falls_to_nothing_unless_told_not_to():
    game = games.load(REPEAT)
    for schedule, expected in (("linear", 0.25e-3), ("constant", 1e-3)):
        learner = PPO(game, PPOSettings(**SMALL, n_envs=8, learning_rate=1e-3, schedule=schedule), 1, [])
        learner.collect()
        assert learner.update(0.75)["train/learning_rate"] == pytest.approx(expected)


def test_less_chance_is_rewarded_towards_the_end_where_that_is_asked_for():
    """The first gradient of a policy that is sure of nothing: only the entropy bonus differs, and at the end there is none."""

    def weights(ent_schedule, progress, ent_coef=0.5):
        settings = PPOSettings(
            **SMALL, n_envs=4, batch_size=32, ent_coef=ent_coef, ent_schedule=ent_schedule, schedule="constant"
        )
        learner = PPO(games.load(REPEAT), settings, 1, [])
        learner.collect()
        numbers = learner.update(progress)
        return numbers["train/ent_coef"], learner.network.policy.weight

    constant, linear, none = weights("constant", 0.75), weights("linear", 0.75), weights("constant", 0.0, 0.125)
    assert (constant[0], linear[0]) == (0.5, 0.125)
    assert torch.equal(linear[1], none[1]) and not torch.equal(linear[1], constant[1])


def test_passes_stop_where_the_policy_has_moved_too_far():
    game = games.load(REPEAT)
    changes = {**SMALL, "n_envs": 32, "n_epochs": 10, "batch_size": 256, "learning_rate": 0.05, "schedule": "constant"}
    counts = []
    for target_kl in (0.0, 0.001):
        learner = PPO(game, PPOSettings(**changes, target_kl=target_kl), 1, [])
        learner.collect()
        counts.append(learner.update(0.0)["train/n_updates"])
    assert counts[0] == 10
    assert counts[1] < 10


def test_a_pass_stops_with_the_minibatch_that_moved_too_far():
    changes = {**SMALL, "n_envs": 32, "n_epochs": 1, "batch_size": 32, "learning_rate": 0.05, "schedule": "constant"}
    learner = PPO(games.load(REPEAT), PPOSettings(**changes, target_kl=0.001), 1, [])
    learner.collect()
    assert 1 < learner.update(0.0)["train/n_updates"] < 8


# --- opponents ---


def rival_of(game, seed=0):
    settings = AgentSettings(size=16, patch=8, stack=3, hidden=8)
    torch.manual_seed(seed)
    return Participant("rival", agent=Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)))


def arena_of(game, opponents, num_envs, **changes):
    return GameArena(game, num_envs, 1, opponents, PPOSettings(**{**SMALL, **changes}), Workers(1))


def test_opponents_share_the_environments_evenly_and_seats_alternate():
    game = games.load("pong")
    arena = arena_of(game, [participant("bot:1", game), participant("random", game), None, participant("bot", game)], 16)
    learning = arena.batch.bots == -2.0
    assert (learning[2::4]).all(), "self: both seats learn"
    for kind, bot in ((0, 1.0), (1, -1.0), (3, 0.5)):
        assert arena.batch.bots[kind::4].max(1).tolist() == [bot] * 4
        assert learning[kind::4].sum(0).tolist() == [2, 2], "half in each seat"
    assert len(arena.view.envs) == learning.sum()


def test_an_opponent_stays_for_the_whole_game_and_sees_nothing_of_the_last_one():
    game = games.load("pong")
    arena = arena_of(game, [rival_of(game), participant("bot", game)], 8)
    rivals, bots = list(arena.opponents), arena.batch.bots.copy()
    (rival,) = rivals
    decide, seen = rival.agent.decide, []
    rival.agent.decide = lambda observation, *rest: (seen.append(observation), decide(observation, *rest))[1]
    arena.batch.states["tick"] = game.max_ticks - 80 - 4 * np.arange(8)  # all run out of time soon, each at its own
    begun, games_begun = np.ones(4, bool), 0
    for _ in range(60):
        arena.step(np.zeros(len(arena.view.envs), np.int64))
        stack = seen.pop()
        assert not stack[begun, :-1].any(), "the stack is empty where a game begins"
        assert stack[~begun, -2].any(axis=(1, 2)).all()
        begun = arena.batch.end[rival.view.envs] != RUNNING
        games_begun += begun.sum()
        assert arena.opponents == rivals
        assert (arena.batch.bots == bots).all()
    assert games_begun == 4


def test_only_the_learners_decisions_are_delayed():
    game = games.load("pong")
    arena = arena_of(game, [participant("bot", game), rival_of(game)], 8, delay=12)
    learning = np.zeros((8, 2), bool)
    learning[arena.view.envs, arena.view.seats] = True
    assert (arena.batch.delay == np.where(learning, 12, 0)).all()


def test_only_the_time_outs_are_cut():
    assert truncated_rows(np.array([RUNNING, OVER, OUT_OF_TIME, OUT_OF_TIME])).tolist() == [2, 3]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_an_iteration_takes_the_memory_that_the_last_one_had():
    """Or the system gives it anew, a page (4 KiB) at each fault: ten a decision."""
    import resource  # not on Windows

    settings = PPOSettings(network="small", size=42, stack=3, n_envs=64, n_steps=8, batch_size=256, precision="fp32")
    learner = PPO(games.load("pong"), settings, 1, [participant("bot", games.load("pong"))])
    for _ in range(2):
        learner.iterate(lambda: 0.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(2):
        learner.iterate(lambda: 0.0)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / (2 * 64 * 8) < 4
