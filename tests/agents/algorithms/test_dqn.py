"""DQN's targets against plain loops, what a memory learns from, exploration, and its parts switched off."""

from time import sleep
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch

import games
from agents.algorithms import dqn, dqn_loss, dqn_loss_compiled
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.dqn_batch import ReplaySample
from agents.algorithms.dqn_loss import DQNTerms, Transitions, next_value, priorities, td_loss
from agents.algorithms.settings import CHOICES
from agents.core import memory_check
from agents.core.settings import AgentSettings
from agents.experience.replay import SampledEntries
from agents.networks.action_choice import epsilon_greedy
from agents.networks.network import ActionValues
from agents.participants import participant
from agents.training.config import resolve
from games.engine.batch import OUT_OF_TIME, OVER
from games.errors import UserError

SMALL = {
    "observation": "objects", "network": "mlp", "stack": 2, "hidden": 16, "memory_size": 12, "n_envs": 6, "precision": "fp32",
    "buffer_size": 600, "batch_size": 64, "gradient_steps": 2, "learning_starts": 100, "gamma": 0.9, "schedule": "constant",
}  # fmt: skip
VANILLA = {"double": False, "dueling": False, "n_step": 1, "prioritized": False}


def learner_of(game, opponents=(), **changes):
    """Its target network is another than its own, and both have opinions."""
    learner = DQN(game, DQNSettings(**{**SMALL, **changes}), 1, list(opponents))
    torch.manual_seed(0)
    with torch.no_grad():
        for network in (learner.network, learner.target):
            for parameter in network.parameters():
                parameter.copy_(torch.randn(parameter.shape))
    return learner


def gradient_of(learner, sampled):
    """Q of what was sampled, and its loss's gradient, temporal differences and terms."""
    (batch,) = learner.builder.build([ReplaySample(sampled.row, sampled.entry, sampled.weight)])
    q, target_q, online_q = learner._q_values(batch)
    return q, learner.loss_gradient(q.detach(), target_q, online_q, batch.transitions)


@pytest.fixture(scope="module")
def hasty(changed):
    """`repeat`, over after any answer or cut by time after four: masks, ends and time-outs."""
    sooner = {"if s.tick + 1 == ANSWERS:": "if uniform(s) < 0.2:", "MAX_TICKS = 100": "MAX_TICKS = 4"}
    return changed("tests/learning/repeat.py", sooner)


# --- the mathematics ---


def test_the_double_target_values_what_the_online_network_prefers_and_nothing_forbidden():
    target = torch.tensor([[1.0, 5.0, 9.0], [4.0, 2.0, 8.0]])
    online = torch.tensor([[2.0, 1.0, 3.0], [0.0, 7.0, 9.0]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert next_value(target, None, None).tolist() == [9.0, 8.0]
    assert next_value(target, None, mask).tolist() == [5.0, 8.0]
    assert next_value(target, online, None).tolist() == [9.0, 8.0]
    assert next_value(target, online, mask).tolist() == [1.0, 8.0]
    assert next_value(target, online, torch.tensor([[0, 1, 0], [1, 1, 0]])).tolist() == [5.0, 2.0]


def test_the_loss_is_hubers_and_weighed():
    loss = td_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), torch.tensor([1.0, 0.5]))
    assert loss.item() == pytest.approx((0.125 + 0.5 * 2.5) / 2)


def test_a_sequences_priority_is_mostly_its_greatest_error():
    assert priorities(np.array([-4.0, 0.0]), 0.5) == pytest.approx([2.0, 0.001])
    assert priorities(np.array([[1.0, -3.0]]), 1.0) == pytest.approx([0.9 * 3 + 0.1 * 2], abs=1e-5)


class Diary:
    """What every row saw, might have done, did and got, told by the arena and the view alone."""

    def __init__(self, learner):
        self.of = [[] for _ in range(learner.collector.rows)]
        arena, view, original = learner.collector.arena, learner.collector.arena.view, learner.collector.arena.step

        def step(actions):
            seen, masks = view.newest().copy(), view.masks()
            reward, end = original(actions)
            cut = np.flatnonzero(end == OUT_OF_TIME)
            final = dict(zip(cut.tolist(), zip(view.final(cut), view.final_masks(cut), strict=True), strict=True))
            for row, told in enumerate(self.of):
                told.append((seen[row], masks[row], actions[row], reward[row], end[row], final.get(row)))
            return reward, end

        arena.step = step

    def goal(self, learner, row, time):
        """The target of a decision, in single steps and plain numbers."""
        settings, total, factor = learner.settings, 0.0, 1.0
        for k in range(settings.n_step):
            _, _, _, reward, end, final = self.of[row][time + k]
            total += factor * settings.reward_scale * reward
            factor *= settings.gamma
            if end == OVER:
                return total
            if end == OUT_OF_TIME:
                break
        else:
            final = self.of[row][time + settings.n_step][:2]
        seen = torch.from_numpy(learner.network.encoder.to_storage(final[0][None]))
        target, online = (network(seen)[0][0].tolist() for network in (learner.target, learner.network))
        allowed = [action for action in range(3) if final[1][action]]
        best = max(allowed, key=lambda action: (online if settings.double else target)[action])
        return total + factor * target[best]


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("masks", [False, True])
def test_the_compiled_gradient_is_that_of_the_reference(masks, double):
    """Differences on both sides of 1; masks of every kind, some that allow nothing; some decisions that nobody made."""
    chance, rows, actions = np.random.default_rng(3), 300, 5
    q, target, online = (torch.from_numpy(chance.normal(size=(rows, actions)).astype(np.float32)) for _ in range(3))
    mask = (chance.random((rows, actions)) < 0.6).astype(np.uint8)
    mask[:9] = 0
    reward, discount, weight = chance.normal(size=(3, rows)).astype(np.float32)
    real = (chance.random(rows) < 0.9).astype(np.uint8)
    action = chance.integers(actions, size=rows).astype(np.int32)
    transitions = Transitions(action, reward, discount, np.abs(weight), real, mask if masks else None)
    ways = (dqn_loss_compiled, dqn_loss)
    one, other = (way.loss_gradient(q.clone(), target, online if double else None, transitions) for way in ways)
    for mine, expected in zip(one, other, strict=True):
        assert mine.shape == expected.shape and torch.allclose(mine, expected, rtol=1e-4, atol=1e-5)
    assert len(one[2]) == len(DQNTerms._fields) and 0.2 < (one[1].abs() > 1).float().mean() < 0.9
    assert (one[0][real == 0] == 0).all() and (one[0][real == 1] != 0).sum() == real.sum()


@pytest.mark.parametrize("changes", [VANILLA, {**VANILLA, "double": True, "dueling": True, "n_step": 3, "reward_scale": 0.5}])
def test_targets_are_those_of_a_plain_loop_with_masks_ends_and_time_outs(hasty, changes):
    learner = learner_of(hasty, learning_starts=10**9, **changes)
    diary = Diary(learner)
    for _ in range(60):
        learner._decide()
    replay, ends, tried = learner.replay, set(), 0
    for row in range(learner.collector.rows):
        entries = np.flatnonzero(replay.real[row, : replay.count[row]])[:50]
        sampled = SampledEntries(np.full(len(entries), row), entries, np.ones(len(entries), np.float32))
        _, (_, error, _) = gradient_of(learner, sampled)
        for time in range(50):
            seen, _, action, _, end, _ = diary.of[row][time]
            q = learner.network(torch.from_numpy(learner.network.encoder.to_storage(seen[None])))[0][0, action].item()
            assert error[time].item() == pytest.approx(q - diary.goal(learner, row, time), abs=1e-3)
            ends.add(int(end))
            tried += 1
    assert tried == 300 and ends == {0, OVER, OUT_OF_TIME}


# --- memory ---


@pytest.mark.parametrize("against", ["nobody", "self", "bot"])
def test_sequences_give_what_acting_saw(against, hasty, monkeypatch):
    """With an unchanged network: from the kept state on, whatever ends in between, and whoever waits for the other."""
    game = hasty if against == "nobody" else games.load("connect_four")
    opponents = {"nobody": [], "self": [None], "bot": [participant("bot", game)] if game.players == 2 else []}[against]
    lengths = {"burn_in": 3, "sequence": 6, "n_step": 2}
    monkeypatch.setattr(dqn, "MIN_DECISIONS", 1)  # small rings
    learner = learner_of(game, opponents, memory="lstm", stack=1, learning_starts=10**9, buffer_size=240, **lengths)
    acted, latest = {}, None
    forward, note = learner.collector.forward, learner._add_decisions

    def listen(network, x, state):
        nonlocal latest
        latest = forward(network, x, state)
        return latest

    def write_down(rows, *others):
        for row in rows.tolist():
            acted[row, int(learner.replay.count[row])] = latest[0][row].clone()
        note(rows, *others)

    monkeypatch.setattr(learner.collector, "forward", listen)
    monkeypatch.setattr(learner, "_add_decisions", write_down)
    for _ in range(150):
        learner._decide()
    assert learner.replay.count.min() > learner.replay.size, "kept states must have been overwritten"
    learner.target.load_state_dict(learner.network.state_dict())
    given, forward = [], type(learner.network).forward
    monkeypatch.setattr(
        type(learner.network), "forward", lambda network, *others: (given.append(forward(network, *others)), given[-1])[1]
    )
    sampled, compared = learner.replay.sample(np.random.default_rng(0).random(80)), 0
    gradient_of(learner, sampled)
    online, target = (one[0].reshape(80, 8, -1) for one in given)  # behind the three that burn in
    assert torch.allclose(online, target, atol=1e-5)
    for k, (row, entry) in enumerate(zip(sampled.row.tolist(), sampled.entry.tolist(), strict=True)):
        for place in range(8):
            if (row, entry + 3 + place) in acted:  # an entry in which nobody decided is not
                assert torch.allclose(online[k, place], acted[row, entry + 3 + place], atol=1e-4)
                compared += 1
    assert compared > 450


def test_what_only_burns_the_memory_in_has_no_gradient(hasty, monkeypatch):
    lengths = {"burn_in": 3, "sequence": 6, "n_step": 2}
    learner = learner_of(hasty, [], memory="lstm", stack=1, learning_starts=10**9, **lengths)
    for _ in range(60):
        learner._decide()
    states, after = [], type(learner.network).state_after
    monkeypatch.setattr(
        type(learner.network), "state_after", lambda network, *given: (states.append(after(network, *given)), states[-1])[1]
    )
    gradient_of(learner, learner.replay.sample(np.random.default_rng(0).random(8)))
    assert len(states) == 2 and not any(state.requires_grad for state in states)


def test_a_sequences_errors_are_those_of_its_decisions(hasty):
    """n = 1: Q of what was done, less the reward and what the next decision's state is worth where it goes on."""
    changes = {**VANILLA, "burn_in": 2, "sequence": 4, "memory": "lstm", "stack": 1, "learning_starts": 10**9}
    learner = learner_of(hasty, **changes)
    for _ in range(80):
        learner._decide()
    learner.target.load_state_dict(learner.network.state_dict())
    replay, network, checked = learner.replay, learner.network, 0
    sampled = replay.sample(np.random.default_rng(0).random(40))
    _, (_, error, _) = gradient_of(learner, sampled)
    error = error.reshape(40, 4)
    for k, (row, entry) in enumerate(zip(sampled.row.tolist(), sampled.entry.tolist(), strict=True)):
        state, q = torch.from_numpy(replay.state[row, entry % replay.size // replay.period])[None], []
        for at in range(entry, entry + 7):
            state = torch.zeros_like(state) if replay.age[row, at % replay.size] == 0 else state
            stored = network.encoder.to_storage(replay.observation(np.array([row]), np.array([at])))
            scores, _, state = network.step(torch.from_numpy(stored), state)
            q.append(scores[0].tolist())
        for place in range(2, 6):
            at = (entry + place) % replay.size
            allowed = np.flatnonzero(replay.mask[row, (at + 1) % replay.size])
            worth = 0.0 if replay.end[row, at] == OVER else 0.9 * max(q[place + 1][action] for action in allowed)
            expected = q[place][replay.action[row, at]] - replay.reward[row, at] - worth
            assert error[k, place - 2].item() == pytest.approx(expected if replay.real[row, at] else 0.0, abs=1e-3)
            checked += 1
    assert checked == 160


# --- exploration ---


def test_exploration_falls_by_schedule_or_differs_by_row(hasty):
    learner = learner_of(hasty, exploration_fraction=0.5, exploration_final_eps=0.1)
    for progress, expected in ((0.0, 1.0), (0.25, 0.55), (0.5, 0.1), (1.0, 0.1)):
        learner.progress = progress
        assert learner.epsilon().tolist() == pytest.approx([expected] * 6)
    learner.settings.exploration = "apex"
    assert learner.epsilon()[0].item() == pytest.approx(0.4)
    assert learner.epsilon()[-1].item() == pytest.approx(0.4**8)
    assert (learner.epsilon().diff() < 0).all()


def test_exploring_is_as_often_as_told_and_never_forbidden():
    scores = torch.tensor([[3.0, 1.0, 2.0, 9.0]]).repeat(30_000, 1)
    mask = torch.tensor([[1, 1, 1, 0]]).repeat(30_000, 1)
    for epsilon in (0.0, 0.3, 1.0):
        chosen = epsilon_greedy(scores, mask, torch.full((30_000,), epsilon), torch.Generator().manual_seed(1))
        share = chosen.bincount(minlength=4) / 30_000
        assert share.tolist() == pytest.approx([1 - epsilon * 2 / 3, epsilon / 3, epsilon / 3, 0.0], abs=0.012)


# --- the learner ---

OFF = {"all": {}, "none": VANILLA, "polyak": {"tau": 0.1, "target_update_interval": 1}, "apex": {"exploration": "apex"}}
OFF |= {f"not {name}": {name: value} for name, value in VANILLA.items()}


@pytest.mark.parametrize("memory", ["none", "lstm"])
@pytest.mark.parametrize("kind", OFF)
def test_every_part_can_be_switched_off(kind, memory, hasty):
    learner = learner_of(hasty, memory=memory, burn_in=2, sequence=4, **{"n_envs": 24, "buffer_size": 2400, **OFF[kind]})
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    metrics = learner.iterate(lambda: 0.5)
    assert learner.stepper.updates > 0
    assert all(np.isfinite(value) for value in metrics.values())
    for name, tensor in learner.network.state_dict().items():
        assert (tensor != before[name]).any(), name


def test_the_target_network_follows_in_intervals_or_by_and_by(hasty, monkeypatch):
    for tau, share in ((1.0, 1.0), (0.25, 0.25)):
        learner = learner_of(hasty, tau=tau, target_update_interval=500)
        old = [parameter.clone() for parameter in learner.target.parameters()]
        learner.collector.steps = 499
        while learner.replay.count.min() < 30:
            learner._decide()
        monkeypatch.setattr(learner, "_collect", lambda: None)
        learner.collector.steps = 499
        assert len(learner._round()) == learner.settings.gradient_steps
        assert all((one == other).all() for one, other in zip(old, learner.target.parameters(), strict=True))
        learner.collector.steps = 500
        learner._round()
        for slow, one, fast in zip(learner.target.parameters(), old, learner.network.parameters(), strict=True):
            assert torch.allclose(slow, one + share * (fast - one), atol=1e-5)


def test_weights_to_begin_with_are_the_targets_too(hasty):
    one, other = learner_of(hasty), learner_of(hasty)
    for parameter in other.network.parameters():
        parameter.data.zero_()
    other.begin_from(one.network.state_dict())
    for mine, slow in zip(one.network.parameters(), other.target.parameters(), strict=True):
        assert (mine == slow).all() and mine.any()


@pytest.mark.parametrize(
    "changes",
    [{}, {"prioritized": False}, {"memory": "lstm", "stack": 1}, {"buffer_size": 6, "memory": "lstm", "sequence": 5}],
)
def test_the_size_that_a_replay_is_said_to_have_is_what_it_takes(changes, hasty, monkeypatch):
    """Known before there is any of it, and to the last byte."""
    sizes, make = [], dqn.Replay

    def measured(**rings):
        sizes.append(dqn.ReplayLayout(**rings).nbytes())
        return make(**rings)

    monkeypatch.setattr(dqn, "Replay", measured)
    monkeypatch.setattr(memory_check, "format_bytes", lambda count: f"{count} bytes")
    learner = learner_of(hasty, **changes)
    arrays = [value for value in vars(learner.replay).values() if isinstance(value, np.ndarray)]
    if learner.replay.tree is not None:
        arrays.append(learner.replay.tree.tree)
    assert len(arrays) == 8 + learner.settings.prioritized + (learner.settings.memory == "lstm")
    assert sizes == [sum(array.nbytes for array in arrays)]
    assert any(remark.endswith(f": {sizes[0]} bytes") for remark in learner.remarks)


def test_a_replay_that_does_not_fit_is_refused_with_advice_before_it_is_made(monkeypatch):
    game = games.load("pong")
    chosen, _ = resolve(game, "dqn", {"buffer_size": 1_000_000, "size": 84, "patch": 6, "n_envs": 256}, None)
    monkeypatch.setattr(memory_check, "free_memory", lambda: 8e9)
    entries = 256 * (3907 + 16)  # decisions of each environment and those of two iterations, which may be taken back
    needed = entries * (84 * 84 + 4 + 4 + 1 + 4 + 1) + 256 * 8 + 8 * 2**21  # frames and numbers; counters; a tree of sums
    fits = int(1e6 * 0.5 * 8e9 / needed)
    with pytest.raises(UserError, match=rf"no room for a replay of 1,000,000 decisions: 6\.6 GiB.*\n.*buffer_size={fits},"):
        DQN(game, chosen, 1, [participant("bot", game)])


def test_free_memory_is_what_the_machine_or_the_container_has_left(tmp_path):
    assert memory_check.free_memory(tmp_path) == float("inf"), "neither says"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 2000 kB\n")
    assert memory_check.free_memory(tmp_path) == 2000 * 1024
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("900000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 100000\n")
    for limit, free in (("max", 2000 * 1024), ("1000000", 200_000)):
        (group / "memory.max").write_text(f"{limit}\n")
        assert memory_check.free_memory(tmp_path) == free


def test_where_nothing_says_what_is_free_a_replay_is_made(monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(memory_check.sys, "platform", "win32")
    monkeypatch.delattr(memory_check.os, "sysconf")
    assert memory_check.free_memory() == float("inf")


def test_no_double_precision_is_asked_of_a_device_that_has_none(hasty, monkeypatch):
    learner, rand = learner_of(hasty), torch.rand
    learner.iterate(lambda: 0.5)

    def single(*shape, dtype=torch.float32, device=None, generator=None):
        assert dtype == torch.float32
        return rand(*shape, generator=generator)

    monkeypatch.setattr(learner, "device", SimpleNamespace(type="mps"))
    monkeypatch.setattr(torch, "rand", single)
    assert len(learner._sample().row) == learner.settings.batch_size


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_every_optimizer_goes_on_as_if_it_had_not_stopped(name, hasty):
    """A step, then another one of the same learner and of one that took over its state."""
    one, other = (learner_of(hasty, optimizer=name, momentum=0.9 * (name == "sgd"), weight_decay=0.01) for _ in range(2))
    one.iterate(lambda: 0.5)
    tensors, meta = one.state()
    assert any(name.startswith("optimizer.") for name in tensors)
    other.restore(tensors, meta)
    before = [parameter.clone() for parameter in one.stepper.parameters]
    for learner in (one, other):
        learner.stepper.gradient.copy_(torch.linspace(-1, 1, len(learner.stepper.gradient)))
        learner.stepper.optimizer.step()
    for mine, its, old in zip(one.stepper.parameters, other.stepper.parameters, before, strict=True):
        assert torch.equal(mine, its) and not torch.equal(mine, old)


def test_a_duelling_network_adds_what_actions_are_worth_beyond_their_mean():
    network = ActionValues((1, 12, 12), 3, AgentSettings(size=12, hidden=16, stack=1))
    features = torch.randn(5, network.features)
    with torch.no_grad():
        value, advantage = network.value(features), network.advantage(features)
        q, best = network.heads(features)
    assert torch.allclose(q, value + advantage - advantage.sum(1, keepdim=True) / 3, atol=1e-6)
    assert torch.allclose(q.mean(1), value.squeeze(1), atol=1e-6)
    assert torch.equal(best, q.amax(1))


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_playing_beside_learning_comes_to_the_same(hasty, memory, monkeypatch):
    """Decisions, replay, priorities and weights of both networks, to the last bit."""
    monkeypatch.setattr(dqn, "MIN_DECISIONS", 100)  # small rings
    lengths = {"burn_in": 2, "sequence": 4, "n_step": 3, "gradient_steps": 3, "target_update_interval": 300}
    found = {}
    for threads in (1, 2):
        learner = DQN(hasty, DQNSettings(**{**SMALL, **lengths, "memory": memory, "stack": 1}), 1, [], threads=threads)
        assert (learner.play_thread is None) == (threads == 1)
        for k in range(12):
            told = learner.iterate(lambda k=k: k / 20)
        assert learner.stepper.updates > 100 and learner.replay.count.min() > learner.replay.size, "the rings are overwritten"
        tensors, _ = learner.state()
        found[threads] = {**tensors, **{f"replay.{name}": one.clone() for name, one in learner.replay.small().items()}}
        found[threads]["frames"] = torch.from_numpy(learner.replay.frames.copy())
        assert all(np.isfinite(value) for value in told.values())
        learner.close()
    assert found[1].keys() == found[2].keys() and {"replay.action", "own.mark.priority"} < found[1].keys()
    for name, one in found[1].items():
        assert torch.equal(one, found[2][name]), name


def alike(one, other):
    """Tuples of arrays, of tuples of these, and of None."""
    if isinstance(one, tuple):
        assert type(one) is type(other)
        for part, its in zip(one, other, strict=True):
            alike(part, its)
    elif one is not None:
        torch.testing.assert_close(torch.as_tensor(one), torch.as_tensor(other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("memory", "burn_in"), [("none", 0), ("lstm", 3), ("lstm", 0)])
def test_batches_built_and_learned_together_and_in_micro_batches_are_as_alone(memory, burn_in):
    """With masks, and with images that are changed."""
    sight = {"observation": "planes", "network": "patch", "size": 14, "patch": 2, "channels": 4, "augment": "both", "stack": 1}
    lengths = {"burn_in": burn_in, "sequence": 4, "n_step": 2, "batch_size": 32, "memory": memory}
    settings = DQNSettings(**{**SMALL, **sight, **lengths, "optimizer": "sgd"})
    game = games.load("connect_four")
    alone, several = (DQN(game, settings, 1, [participant("bot", game)], threads=threads) for threads in (1, 5))
    torch.manual_seed(0)
    for parameter in alone.target.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    several.target.load_state_dict(alone.target.state_dict())
    for _ in range(80):
        alone._decide()
    several.replay = several.builder.replay = alone.replay
    several.micro_batch_size = several.builder.micro_batch_size = 3
    drawn = [alone._sample() for _ in range(3)]
    for one, found in zip(drawn, several.builder.build(drawn), strict=True):
        (expected,) = alone.builder.build([one])
        assert expected.transitions.mask.any() and not expected.transitions.mask.all()
        alike(found, expected)
        alike(several._gradient_step(found), alone._gradient_step(expected))
        alike(several.stepper.gradient, alone.stepper.gradient)
        assert alone.stepper.gradient.any()
    assert not np.array_equal(drawn[0].entry, drawn[1].entry)
    several.close()


def test_a_checkpoint_waits_for_what_goes_on_beside(hasty, monkeypatch):
    """Else it would say how much there is of what another thread is still adding to."""
    learner = DQN(hasty, DQNSettings(**SMALL), 1, [], threads=2)
    learner.iterate(lambda: 0.0)
    tensors, _ = learner.state()
    done, collect = [], learner._collect
    monkeypatch.setattr(learner, "_collect", lambda: (sleep(0.3), collect(), done.append(True)))
    monkeypatch.setattr(dqn, "wait", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        learner._round()
    assert not done
    learner.write_large_state(lambda name, frames: done or pytest.fail("not yet"), tensors)
    assert done
    learner.close()


def test_what_goes_wrong_beside_learning_stops_it(hasty, monkeypatch):
    """What playing meets in its own thread is raised, once nothing goes on there any more; and so is what learning meets."""
    learner = DQN(hasty, DQNSettings(**SMALL), 1, [], threads=2)
    learner.iterate(lambda: 0.0)
    assert learner.stepper.updates > 0
    collect, running = learner._collect, []

    def slow():
        running.append(1)
        sleep(0.2)
        running.pop()
        collect()

    monkeypatch.setattr(learner, "_collect", slow)
    with monkeypatch.context() as broken:
        broken.setattr(learner, "_gradient_step", mock.Mock(side_effect=FloatingPointError("a loss")))
        with pytest.raises(FloatingPointError, match="a loss"):
            learner.iterate(lambda: 0.0)
    assert not running
    monkeypatch.setattr(learner.collector, "_scale_reward", mock.Mock(side_effect=FloatingPointError("a reward")))
    with pytest.raises(FloatingPointError, match="a reward"):
        learner.iterate(lambda: 0.0)
    learner.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_gradient_steps_are_of_what_was_there_before_the_decisions_beside_them(threads, hasty, monkeypatch):
    learner = DQN(hasty, DQNSettings(**{**SMALL, "gradient_steps": 2}), 1, [], threads=threads)
    learner.iterate(lambda: 0.0)
    order = []

    def listen(to, name, seconds=0.0):
        own = getattr(to, name)

        def call(*given):
            order.append(name)
            sleep(seconds)
            found = own(*given)
            order.append(f"{name} done")
            return found

        monkeypatch.setattr(to, name, call)

    for name in ("_sample", "_collect"):
        listen(learner, name)
    listen(learner.builder, "build", 0.05)
    listen(learner.replay, "update_priorities")
    learner._round()
    learner.close()
    first, last = order.index("_collect"), order.index("_collect done")
    assert {*order[:4]} == {"_sample", "_sample done"} and "_sample" not in order[4:]
    assert order[-4:] == ["update_priorities", "update_priorities done"] * 2 and last < len(order) - 4
    prepared = [place for place, name in enumerate(order) if name.startswith("build")]
    assert len(prepared) == 4 and (max(prepared) < first if threads == 2 else min(prepared) > last), "one at a time"
