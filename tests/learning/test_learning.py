"""PPO and DQN, with a memory or none, learn what they should, in seconds, from games whose right answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents.algorithms import dqn_batch, on_policy, ppo_loss_compiled
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.dqn_loss import Transitions
from agents.algorithms.ppo import PPO, PPOSettings
from agents.experience.replay import Replay
from agents.networks import action_choice
from agents.participants import participant
from agents.play import match
from agents.play.seats import Participant

HERE = Path(__file__).parent
FORBIDDEN = 10.0  # what `repeat` pays for an action that its mask forbids


@pytest.fixture(scope="module")
def repeat():
    return games.load(HERE / "repeat.py")


@pytest.fixture(scope="module")
def chain():
    return games.load(HERE / "chain.py")


def settings(**changes):
    """Of these tests, whatever the defaults are."""
    small = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 64, "batch_size": 256}
    pace = {"n_steps": 8, "n_epochs": 4, "learning_rate": 5e-3, "schedule": "constant", "ent_coef": 0.0}
    return PPOSettings(**{**small, **pace, **changes})


def train(game, iterations, opponents=(), **changes):
    """A learner after so many iterations, and all that it was paid."""
    learner = PPO(game, settings(**changes), 1, list(opponents))
    paid = []
    for done in range(iterations):
        learner.collect()
        paid.append(learner.rollout.reward[1:].clone())
        learner.update(done / iterations)  # of the schedule, if there is one
    return learner, torch.stack(paid) if paid else torch.zeros(0)


def test_it_says_what_it_sees(repeat):
    learner, paid = train(repeat, 30)
    assert paid[-1].mean() > 0.9
    result = match.play_match(repeat, [Participant("agent", agent=learner.agent())], 200, seed=9)
    assert result.score > 7.9
    assert paid[0].mean() == pytest.approx(0.5, abs=0.1), "at first it must guess"


def test_what_is_forbidden_is_never_done_however_tempting(repeat):
    learner, paid = train(repeat, 10)
    assert paid.max() < FORBIDDEN
    for temperature in (0.0, 5.0):
        agent = learner.agent()
        agent.info.settings.temperature = temperature
        result = match.play_match(repeat, [Participant("agent", agent=agent)], 100, seed=3)
        assert result.returns.max() <= 8


def test_without_masks_it_would_be_tempted(repeat, monkeypatch):
    gradient = ppo_loss_compiled.loss_gradient

    def without(logits, value, minibatch):
        unmasked = {name: tensor for name, tensor in minibatch.rollout.items() if name != "mask"}
        return gradient(logits, value, minibatch._replace(rollout=unmasked))

    monkeypatch.setattr(on_policy, "masked", lambda logits, mask: logits)
    monkeypatch.setattr(ppo_loss_compiled, "loss_gradient", without)
    _, paid = train(repeat, 60)
    assert paid[-1].mean() > 4, "with masks a decision pays 1 at most"


def test_a_time_out_is_not_an_end(chain):
    """One a step, for ever: 1 / (1 - gamma), though every episode is cut after five."""
    learner, _ = train(chain, 40, gamma=0.9)
    assert learner.last_value.mean() == pytest.approx(10.0, rel=0.05)


def test_were_a_time_out_an_end_the_value_would_be_that_of_five_steps(chain, monkeypatch):
    monkeypatch.setattr(on_policy, "truncated_rows", lambda end: np.zeros(0, int))
    learner, _ = train(chain, 40, gamma=0.9)
    assert learner.last_value.mean() < (1 - 0.9**5) / (1 - 0.9)


# --- the same of DQN, and of both with a memory ---


LSTM = {"memory": "lstm", "memory_size": 32}


@pytest.fixture(scope="module")
def recall():
    return games.load(HERE / "recall.py")


def train_dqn(game, iterations, **changes):
    """A learner after so many iterations, and all that it was paid in the last one."""
    small = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 32, "batch_size": 128}
    pace = {"learning_starts": 500, "buffer_size": 8000, "learning_rate": 5e-3, "schedule": "constant", "gradient_steps": 6}
    more = {"exploration_initial_eps": 0.1, "exploration_final_eps": 0.1, "target_update_interval": 250}
    lengths = {"burn_in": 4, "sequence": 8}
    learner, paid = DQN(game, DQNSettings(**{**small, **pace, **more, **lengths, **changes}), 1, []), []
    original, metrics = learner.collector.arena.step, {}

    def step(actions):
        reward, end = original(actions)
        paid.append(reward.copy())
        return reward, end

    learner.collector.arena.step = step
    for _ in range(iterations):
        paid.clear()
        metrics = learner.iterate(lambda: 0.5)
    return learner, np.array(paid), metrics


def mean_return(game, learner, count=200):
    return match.play_match(game, [Participant("agent", agent=learner.agent())], count, seed=9).score


def test_ppo_with_a_memory_says_what_it_sees(repeat):
    """γ = 0: with the luck of later places in its returns it settles for two of the three, memory or not."""
    learner, paid = train(repeat, 15, **LSTM, gamma=0.0, ent_coef=0.1)
    assert paid.max() < FORBIDDEN
    assert 7.9 < mean_return(repeat, learner) <= 8
    agent = learner.agent()
    agent.info.settings.temperature = 5.0
    result = match.play_match(repeat, [Participant("agent", agent=agent)], 100, seed=3)
    assert result.returns.max() <= 8 and result.score < 7.5, "any of the allowed ones"


DQN_MEMORIES = [pytest.param({}, id="dqn"), pytest.param(LSTM, id="dqn lstm", marks=pytest.mark.slow)]


@pytest.mark.parametrize("memory", DQN_MEMORIES)
def test_dqn_says_what_it_sees_and_never_does_what_is_forbidden(repeat, memory):
    learner, paid, _ = train_dqn(repeat, 4, **memory, gamma=0.5)
    assert paid.max() < FORBIDDEN
    assert mean_return(repeat, learner) > 7.9
    agent = learner.agent()
    agent.info.settings.epsilon = 0.5
    result = match.play_match(repeat, [Participant("agent", agent=agent)], 100, seed=3)
    assert result.returns.max() <= 8
    assert result.score < 7.5, "half of its actions are any allowed ones"


def test_without_masks_dqn_would_be_tempted(repeat, monkeypatch):
    monkeypatch.setattr(action_choice, "masked", lambda scores, mask: scores)
    monkeypatch.setattr(dqn_batch, "Transitions", lambda *parts: Transitions(*parts[:-1], None))
    _, paid, _ = train_dqn(repeat, 3, gamma=0.5)
    assert paid.mean() > 4


@pytest.mark.parametrize("memory", DQN_MEMORIES)
def test_a_time_out_is_not_an_end_for_dqn(chain, memory, monkeypatch):
    pace = {"gamma": 0.8, "target_update_interval": 50, **memory}
    assert train_dqn(chain, 3, **pace)[2]["train/q"] == pytest.approx(5.0, rel=0.05)
    pay = Replay.add_reward
    monkeypatch.setattr(Replay, "add_reward", lambda replay, rows, reward, end: pay(replay, rows, reward, np.minimum(end, 1)))
    assert train_dqn(chain, 3, **pace)[2]["train/q"] < (1 - 0.8**5) / (1 - 0.8)


def test_a_time_out_is_not_an_end_for_ppo_with_a_memory(chain, monkeypatch):
    learner, _ = train(chain, 40, gamma=0.9, **LSTM)
    assert learner.last_value.mean() == pytest.approx(10.0, rel=0.05)
    monkeypatch.setattr(on_policy, "truncated_rows", lambda end: np.zeros(0, int))
    learner, _ = train(chain, 40, gamma=0.9, **LSTM)
    assert learner.last_value.mean() < 5.0, "five steps are worth 4.1 at most"


@pytest.mark.parametrize("memory", [LSTM, {}], ids=["lstm", "none"])
@pytest.mark.parametrize("learns", ["ppo", "dqn"])
def test_what_was_shown_before_is_recalled_with_a_memory_and_by_no_means_without(recall, learns, memory):
    if learns == "ppo":
        learner, _ = train(recall, 60, **memory, ent_coef=0.02, schedule="linear")  # or it forgets again now and then
    else:
        learner, _, _ = train_dqn(recall, 4, **memory)
    score = mean_return(recall, learner, 400)
    assert score > 0.95 if memory else abs(score) < 0.2  # 0.2 is four standard deviations of chance


@pytest.mark.slow
@pytest.mark.parametrize(("opponent", "least"), [("bot:0", 0.8), ("self", 0.7)])
def test_a_game_of_turns_is_learned(opponent, least):
    game = games.load("connect_four")
    rival = None if opponent == "self" else participant(opponent, game)
    sight = {"observation": "pixels", "network": "patch", "size": 14, "patch": 2, "stack": 1}
    pace = {"n_envs": 256, "n_steps": 16, "batch_size": 1024, "learning_rate": 2e-3, "n_epochs": 2, "ent_coef": 0.02}
    scores = []
    for iterations in (0, 100):
        learner, _ = train(game, iterations, [rival], hidden=128, **sight, **pace)
        table = [Participant("agent", agent=learner.agent()), participant("random", game)]
        scores.append(match.play_match(game, table, 400, seed=5).score)
    assert scores[0] < 0.65
    assert scores[1] > least
