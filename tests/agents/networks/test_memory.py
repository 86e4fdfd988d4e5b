"""A memory is the same acting and learning, starts empty with each episode, and belongs to one seat alone."""

import numpy as np
import pytest
import torch

import games
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core.settings import AgentSettings
from agents.networks.memory import Memory, reset_state, segments
from agents.participants import participant
from agents.play.agent import Agent, build_network, describe_agent
from games.engine.batch import EXTERNAL, Batch

LONG = "MAX_TICKS = 60 * 180"
SMALL = {"observation": "objects", "network": "mlp", "hidden": 16, "memory": "lstm", "memory_size": 12}


def clumsy(memory):
    """Weights that make what was before matter."""
    with torch.no_grad():
        for parameter in memory.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return memory


def step_by_step(memory, x, asked, start, state):
    """`Memory.step` one decision after the other: what is remembered at each, row by row."""
    found = [[] for _ in range(asked.shape[1])]
    for t in range(len(asked)):
        out, after = memory.step(x[t], reset_state(state, start[t] & asked[t]))
        state = torch.where(asked[t][:, None, None], after, state)
        for row in asked[t].nonzero().flatten().tolist():
            found[row].append(out[row])
    return torch.stack([one for row in found for one in row])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_a_sequence_gives_what_single_steps_give_whoever_is_asked_and_whatever_begins(layers, seed):
    torch.manual_seed(seed)
    memory = clumsy(Memory(5, AgentSettings(memory_size=7, memory_layers=layers)))
    often = [0.0, 0.1, 0.5, 1.0][seed % 4]
    asked, start = torch.rand(13, 6) < (0.3 if seed % 2 else 1.0), torch.rand(13, 6) < often
    asked[:, 0] = False  # a row that never is
    asked[4, 1] = True
    x, state = torch.randn(13, 6, 5, requires_grad=True), torch.randn(6, 2 * layers, 7)
    single = step_by_step(memory, x, asked, start, state)
    chosen = x.transpose(0, 1)[asked.T]  # row by row
    whole = memory(chosen, segments(asked, start, state))
    assert torch.allclose(whole, single, atol=1e-5)
    weight = torch.randn_like(single)
    parameters = [x, *memory.parameters()]
    for one, other in zip(
        torch.autograd.grad((whole * weight).sum(), parameters, retain_graph=True),
        torch.autograd.grad((single * weight).sum(), parameters),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-4)


def test_in_bfloat16_a_sequence_gives_nearly_what_single_steps_give():
    """As a memory begins, not with weights made to matter: acting rounds its state at every decision."""
    torch.manual_seed(0)
    memory = Memory(32, AgentSettings(memory_size=64))
    asked, start = torch.ones(16, 8, dtype=torch.bool), torch.rand(16, 8) < 0.1
    x, state = torch.randn(16, 8, 32), torch.zeros(8, 2, 64)
    exact = step_by_step(memory, x, asked, start, state)
    x = x.bfloat16()
    single = step_by_step(memory, x, asked, start, state)
    whole = memory(x.transpose(0, 1)[asked.T], segments(asked, start, state))
    assert single.dtype == whole.dtype == torch.bfloat16
    for one in (single, whole):
        assert 0 < (one.float() - exact).abs().max() < 0.02, "a bfloat16 of 1 is known to 0.004"


def test_nothing_passes_from_one_episode_of_a_sequence_into_the_next():
    torch.manual_seed(0)
    memory = clumsy(Memory(5, AgentSettings(memory_size=7)))
    asked, start = torch.ones(6, 2, dtype=torch.bool), torch.zeros(6, 2, dtype=torch.bool)
    start[3, 0] = True
    x, state = torch.randn(12, 5), torch.randn(2, 2, 7)
    plain = memory(x, segments(asked, start, state))
    changed = x.clone()
    changed[[0, 6]] += 1.0  # the first decision of either row
    moved = (memory(changed, segments(asked, start, state + 1.0)) - plain).abs().amax(1) > 0
    assert moved.tolist() == [True] * 3 + [False] * 3 + [True] * 6


# --- acting ---


def new_agent(game, algorithm="ppo", **settings):
    torch.manual_seed(0)
    settings = AgentSettings(**{**SMALL, **settings})
    agent = Agent(game, describe_agent(game, settings, algorithm), build_network(game, settings, algorithm))
    clumsy(agent.network.memory)
    return agent


def listen(agent, monkeypatch):
    """What it is asked, and what it remembers then."""
    heard, decide = [], agent.decide

    def listening(observation, masks, state=None):
        result = decide(observation, masks, state)
        heard.append((observation.copy(), state.clone(), result[0], result[1].clone()))
        return result

    monkeypatch.setattr(agent, "decide", listening)
    return heard


@pytest.mark.parametrize("name", ["passes", "connect_four"])
def test_a_player_remembers_each_row_by_itself_and_nothing_of_the_last_game(name, toy, monkeypatch):
    """Against one agent a row, each fed with that row alone and told where its games begin."""
    game = games.load(name) if name == "connect_four" else toy(name)
    agent = new_agent(game, stack=1)
    batch = Batch(game, 6, seed=2, bots=EXTERNAL, opening=(0, 3))
    rows = [(env, seat) for env in range(6) for seat in range(2)]
    player, heard = agent.player(batch, rows), listen(agent, monkeypatch)
    actions, begun, ends = np.zeros((6, 2), np.int64), np.full(12, -1), 0
    states = [agent.initial_state(1) for _ in rows]
    for _ in range(90):
        asked = np.flatnonzero(batch.asked[player.view.envs, player.view.seats])
        player.act(actions)
        seen, _, _, after = heard.pop()
        for place, row in enumerate(asked):
            episode = batch.episode[rows[row][0]]
            state = states[row] if begun[row] == episode else agent.initial_state(1)
            begun[row] = episode
            states[row] = agent._step(seen[place : place + 1], state)[2].detach()
            assert torch.allclose(states[row][0], after[place], atol=1e-5)
        batch.step(actions)
        ends += int((batch.end != 0).sum())
    assert ends > 6


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_a_saved_agent_remembers_as_before_and_act_forgets_where_it_is_told_to(algorithm, tmp_path):
    game = games.load("pong")
    agent = new_agent(game, algorithm)
    agent.save(tmp_path / "agent.safetensors")
    seen = np.random.default_rng(0).normal(size=(30, 3, agent.network.encoder.stored[0])).astype(np.float32)
    starts = np.random.default_rng(1).random((30, 3)) < 0.2
    starts[0] = True
    loaded = Agent.load(tmp_path / "agent.safetensors")
    together = [loaded.act(one, start=start) for one, start in zip(seen, starts, strict=True)]
    for row in range(3):
        alone, state = Agent.load(tmp_path / "agent.safetensors"), None
        for t in range(30):
            state = agent.initial_state(1) if starts[t, row] else state
            chosen, state = agent.decide(seen[t, row].reshape(1, 2, -1), None, state)
            assert alone.act(seen[t, row], start=bool(starts[t, row])) == chosen[0] == together[t][row]
    assert len({tuple(one) for one in together}) > 3
    never = Agent.load(tmp_path / "agent.safetensors")
    assert [never.act(one).tolist() for one in seen] != [one.tolist() for one in together]


# --- learning ---


def learner_of(game, opponents, **changes):
    pace = {"n_envs": 6, "n_steps": 7, "batch_size": 16, "n_epochs": 1, "precision": "fp32", "learning_rate": 0.0}
    learner = PPO(game, PPOSettings(**{**SMALL, "stack": 2, **pace, **changes}), 1, opponents)
    clumsy(learner.network.memory)
    with torch.no_grad():
        learner.network.policy.weight.mul_(100.0)
    return learner


@pytest.mark.parametrize("against", ["short", "self", "bot"])
def test_an_unchanged_network_learns_from_exactly_what_acting_saw(against, changed, monkeypatch):
    """The ratio of new to old is 1 before the first gradient step, rollout after rollout; open decisions come with theirs."""
    if against == "short":
        learner = learner_of(changed("games/breakout.py", {LONG: "MAX_TICKS = 20"}), [])
    else:
        game = games.load("connect_four")
        learner = learner_of(game, [None if against == "self" else participant("bot", game)])
    compared, starts, carried = 0, 0, 0
    original, remember = learner.loss_gradient, learner.network.memory.forward

    def gradient(logits, value, minibatch):
        nonlocal compared
        flat, indices, said = minibatch.rollout, minibatch.indices, logits
        if "mask" in flat:
            said = logits.masked_fill(flat["mask"][indices] == 0, float("-inf"))
        log_prob = said.log_softmax(1).gather(1, flat["action"][indices][:, None]).squeeze(1)
        assert torch.allclose(log_prob, flat["log_prob"][indices], atol=1e-4)
        assert torch.allclose(value, flat["value"][indices], atol=1e-4)
        compared += len(value)
        return original(logits, value, minibatch)

    def forward(x, segments):
        nonlocal starts
        starts += int((segments.state == 0).all(2).all(1).sum())
        return remember(x, segments)

    monkeypatch.setattr(learner, "loss_gradient", gradient)
    monkeypatch.setattr(learner.network.memory, "forward", forward)
    for _ in range(8):
        learner.collect()
        carried += int(learner.rollout.asked[0].sum())
        learner.update(0.0)
    assert compared > 150
    assert starts >= 6, "episodes begin"
    assert carried > 10 or against != "self"


def test_a_state_that_time_cut_is_valued_with_what_was_remembered(changed):
    learner, finals = learner_of(changed("games/breakout.py", {LONG: "MAX_TICKS = 20"}), [], n_steps=5), []
    original = learner.collector.arena.view.final
    learner.collector.arena.view.final = lambda rows: finals.append(original(rows)) or finals[-1]
    learner.collect()
    roll, network = learner.rollout, learner.network
    assert (roll.end[5] == 2).all() and (roll.end[:5] == 0).all(), "five decisions an episode"
    state = network.memory.initial_state(6)
    for t in range(1, 6):
        state = network.step(roll.observation[t], state)[2]
    value = network.step(torch.from_numpy(network.encoder.to_storage(finals[0])), state)[1]
    assert torch.allclose(roll.truncated_value[5], value, atol=1e-5)
