"""What an agent has learned serves in another game: weights that fit are copied, and may learn slower or not at all."""

import pytest
import torch

import games
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core import tensor_file
from agents.core.settings import AgentSettings
from agents.networks.network import ActorCritic, NormalizedActionValues
from agents.networks.normalization import ValueNorm
from agents.training import config as configs
from agents.training import trainer as runs
from tests.short_runs import FAST, ROOT, folder_of

BRIEF = [*FAST, "--envs", "16", "--quiet"]
BOARD = ["connect_four", *BRIEF, "--steps", "2000"]


@pytest.fixture
def teacher(main, tmp_path):
    """An agent of Pong's: three actions where Connect Four has seven."""
    assert main("pong", *BRIEF, "--steps", "2000", "--name", "teacher")[0] == 0
    return tmp_path / "pong" / "teacher" / "agent.safetensors"


def weights(path, kind="agent"):
    prefix = "network." if kind == "checkpoint" else ""
    tensors, _ = tensor_file.load(path, kind)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def test_what_fits_is_copied_and_what_does_not_is_said(teacher, main, tmp_path, monkeypatch):
    monkeypatch.setattr(runs.Trainer, "_iterate", lambda run: (_ for _ in ()).throw(SystemExit))
    words = [word for word in BOARD if word != "--quiet"]
    same = ["--observation", "pixels", "--set", "stack=2", "--set", "patch=6", "--set", "channels=16"]
    with pytest.raises(SystemExit):
        main(*words, *same, "--init-from", teacher, "--name", "pupil")
    found = weights(folder_of(tmp_path, BOARD, "pupil") / runs.CHECKPOINT, "checkpoint")
    known = weights(teacher)
    assert all(torch.equal(found[name], known[name]) for name in known if not name.startswith("policy."))
    assert found["policy.weight"].shape == (7, 16)
    config = configs.read_config(folder_of(tmp_path, BOARD, "pupil"))
    assert set(config.copied) == {name for name in known if not name.startswith("policy.")}


def test_a_frozen_encoder_stays_as_it_was_also_after_a_resume(teacher, main, tmp_path):
    words = ["breakout", *BRIEF, "--observation", "pixels", "--set", "channels=16", "--set", "patch=6"]
    code, _, error = main(*words, "--steps", "1000", "--init-from", teacher, "--freeze", "encoder", "--name", "pupil")
    assert code == 0, error
    folder, known = tmp_path / "breakout" / "pupil", weights(teacher)
    assert main("--resume", folder, "--steps", "2000", "--quiet")[0] == 0
    found = weights(folder / runs.CHECKPOINT, "checkpoint")
    for name in known:
        assert torch.equal(found[name], known[name]) == name.startswith("encoder."), name


@pytest.mark.parametrize("freeze", [True, False])
def test_what_a_frozen_encoder_normalises_by_stays_too(freeze):
    settings = PPOSettings(observation="objects", network="mlp", stack=1, hidden=8, n_envs=8, n_steps=4, batch_size=32)
    settings.normalize_observation = True
    learner = PPO(games.load("breakout"), settings, 1, [])
    learner.set_trainable([], freeze=freeze)
    before = {name: tensor.clone() for name, tensor in learner.network.encoder.normal.state_dict().items()}
    for _ in range(3):
        learner.iterate(lambda: 0.0)
    after = learner.network.encoder.normal.state_dict()
    assert {torch.equal(after[name], tensor) for name, tensor in before.items()} == {freeze}


def test_an_encoder_frozen_at_random_and_a_runs_folder_to_begin_from(teacher, main, tmp_path):
    words = [word for word in BOARD if word != "--quiet"]
    same = ["--observation", "pixels", "--set", "stack=2", "--set", "patch=6", "--set", "channels=16"]
    code, out, error = main(*words, *same, "--freeze", "encoder", "--name", "random")
    assert code == 0, error
    assert "The encoder stays as it begins, at random" in out
    code, out, error = main(*words, *same, "--freeze", "encoder", "--init-from", teacher.parent, "--name", "pupil")
    assert code == 0, error
    assert f"From {teacher.parent}: " in out and "at random" not in out


def test_what_was_copied_learns_at_its_own_rate():
    settings = PPOSettings(size=12, hidden=16, n_envs=8, n_steps=4, batch_size=32, optimizer="sgd", copied_rate=0.0)
    learner = PPO(games.load("breakout"), settings, 1, [])
    names = [name for name, _ in learner.network.named_parameters()]
    learner.set_trainable([name for name in names if name.startswith("encoder.")], freeze=False)
    before = {name: one.detach().clone() for name, one in learner.network.named_parameters()}
    learner.iterate(lambda: 0.0)
    for name, one in learner.network.named_parameters():
        assert torch.equal(one, before[name]) == name.startswith("encoder."), name


@pytest.mark.parametrize("copied", ["encoder.", "policy."])  # the first of the parameters, and some from among them
def test_a_step_of_what_was_copied_is_as_much_shorter(copied):
    settings = PPOSettings(size=12, hidden=16, n_envs=8, n_steps=4, batch_size=32, n_epochs=1, optimizer="sgd", copied_rate=0.5)
    learner = PPO(games.load("breakout"), settings, 1, [])
    names = [name for name, _ in learner.network.named_parameters()]
    learner.set_trainable([name for name in names if name.startswith(copied)], freeze=False)
    before = {name: one.detach().clone() for name, one in learner.network.named_parameters()}
    learner.iterate(lambda: 0.0)
    assert learner.stepper.updates == 1
    for name, one in learner.network.named_parameters():
        share = 0.5 if name.startswith(copied) else 1.0
        assert one.grad.any()
        torch.testing.assert_close(one.detach(), before[name] - share * settings.learning_rate * one.grad, msg=name)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_checkpoint_goes_on_with_two_rates_and_fits_no_other_weights(optimizer):
    settings = PPOSettings(size=12, hidden=16, n_envs=8, n_steps=4, batch_size=32, optimizer=optimizer, copied_rate=0.5)

    def made(copied):
        learner = PPO(games.load("breakout"), settings, 1, [])
        names = [name for name, _ in learner.network.named_parameters()]
        learner.set_trainable([name for name in names if name.startswith(copied)], freeze=False)
        return learner

    learner, other = made("encoder."), made("encoder.")
    learner.iterate(lambda: 0.0)
    state = learner.state()
    other.restore(*state)
    for one in (learner, other):
        one.iterate(lambda: 0.5)
    for name, one in other.network.state_dict().items():
        assert torch.equal(one, learner.network.state_dict()[name]), name
    for copied in ("policy.", "nothing"):
        with pytest.raises(ValueError, match=r"optimizer's .* of other weights"):
            made(copied).restore(*state)


# --- the unit that values are learned in ---


@pytest.mark.parametrize("kind, head", [(ActorCritic, "value"), (NormalizedActionValues, "advantage")])
def test_values_stay_what_they_are_when_their_unit_changes(kind, head):
    network = kind((2, 12, 12), 3, AgentSettings(size=12, normalize_value=True))
    stored = torch.from_numpy(network.encoder.to_storage(torch.randint(256, (5, 2, 12, 12), dtype=torch.uint8).numpy()))
    before = network(stored)[1]
    network.scale.update(torch.tensor([100.0, 300.0]), getattr(network, head))
    torch.testing.assert_close(network(stored)[1], before, rtol=1e-4, atol=1e-4)
    assert network.scale.deviation == 100.0


def test_the_unit_is_right_far_from_zero_too():
    torch.manual_seed(0)
    scale, layer = ValueNorm(), torch.nn.Linear(1, 1)
    for _ in range(20):
        scale.update(1e4 + torch.randn(500), layer)
        assert scale.mean.item() == pytest.approx(1e4, rel=1e-4)
        assert scale.deviation.item() == pytest.approx(1.0, rel=0.1)


def test_a_value_far_from_zero_is_learned_sooner_in_its_own_unit():
    """Of the chain that pays 1 for ever, the value is 100 at γ = 0.99."""
    game = games.load(ROOT / "tests" / "learning" / "chain.py")
    small = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 64, "batch_size": 256}
    pace = {"n_steps": 8, "n_epochs": 4, "learning_rate": 5e-3, "schedule": "constant", "ent_coef": 0.0}
    reached = []
    for normalize in (False, True):
        learner = PPO(game, PPOSettings(**small, **pace, normalize_value=normalize), 1, [])
        for _ in range(30):
            learner.iterate(lambda: 0.0)
        reached.append(learner.last_value.mean().item())
    assert reached[0] + 10 < reached[1] < 105


def test_the_loss_of_values_is_the_same_in_any_unit():
    """Or rewards a thousand times as great would leave nothing of the policy's gradient."""
    game = games.load(ROOT / "tests" / "learning" / "chain.py")
    small = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 64, "precision": "fp32"}
    said = []
    for scale in (1.0, 1000.0):
        learner = PPO(game, PPOSettings(**small, reward_scale=scale, normalize_value=True), 1, [])
        learner.iterate(lambda: 0.0)  # of its own first guess nothing is left after this one
        said.append(learner.iterate(lambda: 0.0))
    for name in ("train/value_loss", "train/grad_norm"):
        assert said[1][name] == pytest.approx(said[0][name], rel=0.2), name
