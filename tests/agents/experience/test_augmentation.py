"""Images are changed at random while learning, as the paper says, and nowhere else."""

import numpy as np
import pytest
import torch

import games
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.algorithms.settings import LearnerSettings
from agents.experience import augmentation
from agents.experience.augmentation import Augmentation, augmented, draw
from agents.networks.network import Network, make_encoder
from agents.participants import participant
from agents.training import config as configs
from games.errors import UserError
from tests.agents.algorithms.steps import gradient_step

SHAPES = {
    "patch": (2, 30, 30),
    "small": (3, 42, 42),
    "nature": (4, 84, 84),
    "impala": (2, 33, 33),
    "mobile": (2, 45, 45),
    "tiny": (1, 4, 10, 10),
}
TINY = {"size": 12, "hidden": 8, "n_envs": 6, "precision": "fp32", "gamma": 0.9}


def images(shape, count=6):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def made(name, **changes):
    shape = SHAPES[name]
    settings = LearnerSettings(network=name, size=shape[-1], stack=shape[0], **changes)
    settings.observation = "planes" if len(shape) == 4 else "pixels"
    return make_encoder(shape, settings), settings


@pytest.mark.parametrize("name", SHAPES)
def test_what_was_stored_can_be_seen_as_images_again(name):
    one, _ = made(name)
    seen = images(SHAPES[name])
    assert (one.from_storage(torch.from_numpy(one.to_storage(seen))).numpy() == seen.reshape(6, *one.image)).all()


@pytest.mark.parametrize("name", SHAPES)
def test_a_shift_is_a_crop_of_the_padded_image_and_all_frames_move_together(name):
    one, settings = made(name, augment="shift", augment_shift=3)
    seen, side = images(SHAPES[name], 40), SHAPES[name][-1]
    change = draw(settings, one, 40, torch.Generator().manual_seed(1))
    moved = one.from_storage(augmented(torch.from_numpy(one.to_storage(seen)), change, one)).numpy()
    places = set()
    for k, picture in enumerate(seen.reshape(40, -1, side, side)):
        down, right = change.offset[k].tolist()
        places.add((down, right))
        for channel, frame in enumerate(picture):
            padded = np.pad(frame, 3, mode="edge")
            assert (moved[k, channel] == padded[3 + down : 3 + down + side, 3 + right : 3 + right + side]).all()
    assert len(places) > 15 and {max(place) for place in places} >= {3}


def test_every_shift_is_as_likely_and_its_size_goes_with_the_images():
    one, settings = made("nature", augment="shift")
    offset = draw(settings, one, 81_000, torch.Generator().manual_seed(2)).offset
    counts = np.unique(offset.numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 9 * 9, "four pixels of 84 each way, as in the paper"
    assert counts == pytest.approx(1000, abs=180)
    one, settings = made("patch", augment="shift")
    assert draw(settings, one, 500, torch.Generator()).offset.abs().max() == 1


@pytest.mark.parametrize("kind", ["intensity", "both"])
def test_intensity_is_one_factor_of_each_stack_within_two_deviations(kind):
    one, settings = made("patch", augment=kind, augment_intensity=0.1)
    stored = torch.from_numpy(one.to_storage(images(SHAPES["patch"], 5000))) // 2 + 100
    change = draw(settings, one, 5000, torch.Generator().manual_seed(3))
    found = augmented(stored, change, one)
    still = augmented(stored, Augmentation(change.offset, None), one)
    factor = (found / still).flatten(1)
    assert (factor - factor[:, :1]).abs().max() < 1e-5
    assert (factor.min().item(), factor.max().item()) == (pytest.approx(0.8), pytest.approx(1.2))
    assert factor[:, 0].mean().item() == pytest.approx(1.0, abs=0.005)
    assert factor[:, 0].std().item() == pytest.approx(0.0955, abs=0.004)  # of a normal one, cut off: 0.1 less


def test_switched_off_it_draws_nothing_and_leaves_the_very_tensor():
    one, settings = made("patch")
    generator = torch.Generator().manual_seed(4)
    before = generator.get_state()
    assert draw(settings, one, 9, generator) is None
    assert (generator.get_state() == before).all()
    stored = torch.zeros(9, *one.stored)
    assert augmented(stored, None, one) is stored


def test_objects_are_refused_in_words():
    pong = games.load("pong")
    chosen = {"observation": "objects", "network": "mlp", "augment": "shift"}
    with pytest.raises(UserError, match="objects are numbers"):
        configs.resolve(pong, "ppo", chosen, None)
    with pytest.raises(UserError, match="Did you mean 'shift'"):
        configs.resolve(pong, "ppo", {"augment": "shfit"}, None)


# --- the learners ---


def learner_of(algorithm, threads=1, **changes):
    game = games.load("pong")
    kind, settings = {"ppo": (PPO, PPOSettings), "dqn": (DQN, DQNSettings)}[algorithm]
    own = {"n_steps": 8, "batch_size": 16} if algorithm == "ppo" else {"learning_starts": 10**9, "buffer_size": 900}
    return kind(game, settings(**{**TINY, **own, **changes}), 1, [participant("bot", game)], threads=threads)


def listen(learner, monkeypatch):
    """What its network is given to learn from: each call's stored observations."""
    given, forward = [], Network.forward

    def listening(network, x, dtype=torch.float32, segments=None):
        given.append((x.detach().clone(), segments))
        return forward(network, x, dtype, segments)

    monkeypatch.setattr(Network, "forward", listening)
    return given


def offset_of(one, before, after):
    """The one shift that makes the one image the other; None where no other would do."""
    far = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
    fitting = [place for place in far if torch.equal(augmentation.shifted(before[None], torch.tensor([place]))[0], after)]
    return fitting[0] if len(fitting) == 1 else None


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_ppo_learns_from_shifted_images_and_acts_on_those_that_are(memory, monkeypatch):
    learner = learner_of("ppo", memory=memory, augment="shift", augment_shift=2, n_epochs=1, stack=1)
    one = learner.network.encoder
    learner.collect()
    seen = learner.rollout.observation[1:].flatten(0, 1).clone()
    assert seen.dtype == torch.uint8
    assert torch.equal(learner.collector.observation(), torch.from_numpy(one.to_storage(learner.collector.arena.view.newest())))
    given = listen(learner, monkeypatch)
    learner.update(0.0)
    known = {picture.numpy().tobytes() for picture in seen}
    learned = torch.cat([x for x, _ in given])
    assert np.mean([picture.numpy().tobytes() not in known for picture in learned]) > 0.5
    plain = [one.from_storage(picture[None])[0] for picture in seen]
    together, apart = [], set()
    for x, segments in given:
        pictures = one.from_storage(x)
        for segment in set(segments.segment.tolist()) if segments else range(len(pictures)):
            row = pictures[segments.segment == segment] if segments else pictures[segment][None]
            found = [next((p for p in (offset_of(one, b, picture) for b in plain) if p), None) for picture in row]
            found = {place for place in found if place is not None}
            assert len(found) <= 1, "decisions of a sequence move alike"
            together.append(len(row))
            apart |= found
    assert len(apart) > 5
    assert max(together) > 5 or memory == "none"


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_dqn_learns_from_shifted_images_and_values_shifted_ones(memory, monkeypatch):
    lengths = {"burn_in": 2, "sequence": 4, "n_step": 2}
    learner = learner_of("dqn", memory=memory, augment="shift", augment_shift=2, stack=1, batch_size=64, **lengths)
    for _ in range(40):
        learner._decide()
    one, asked = learner.network.encoder, []
    original = learner.builder._observation
    monkeypatch.setattr(learner.builder, "_observation", lambda *where: (asked.append(original(*where)), asked[-1])[1])
    burnt, after = [], Network.state_after
    monkeypatch.setattr(
        Network, "state_after", lambda network, x, *others: (burnt.append(x.clone()), after(network, x, *others))[1]
    )
    given = listen(learner, monkeypatch)
    assert learner.replay.frames.any() and not given
    gradient_step(learner)
    count = 64 if memory == "none" else 16

    def places(before, after):
        pairs = zip(one.from_storage(before), one.from_storage(after), strict=True)
        return [offset_of(one, *pair) for pair in pairs]

    if memory == "none":
        now, later = asked
        moved = [places(later, given[0][0]), places(now, given[2][0])]
        assert torch.equal(given[0][0], given[1][0]), "the target and, for `double`, the online network see the same"
        assert moved[0] != moved[1]
    else:
        (seen,) = asked
        seen = seen.unflatten(0, (count, -1))
        early, whole = seen[:, :2].transpose(0, 1).flatten(0, 1), seen[:, 2:].flatten(0, 1)
        assert torch.equal(burnt[0], burnt[1]) and torch.equal(given[0][0], given[1][0])
        moved = [places(early, burnt[0]), places(whole, given[0][0])]
        rows = [set() for _ in range(count)]
        for k, place in enumerate(moved[0]):
            rows[k % count].add(place)
        for k, place in enumerate(moved[1]):
            rows[k // 6].add(place)
        assert all(len(row - {None}) <= 1 for row in rows), "all of a sequence move alike, what burns it in too"
    assert all(len(set(some) - {None}) > 5 for some in moved)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_threads_share_what_was_drawn(algorithm):
    """As many gradients of the same changed images: but for the order of sums the same step."""
    found = []
    for threads in (1, 3):
        learner = learner_of(algorithm, threads=threads, augment="both", optimizer="sgd", batch_size=48)
        if algorithm == "ppo":
            learner.iterate(lambda: 0.0)
        else:
            for _ in range(30):
                learner._decide()
            gradient_step(learner)
        assert 0 < learner.stepper.updates < 4
        found.append(torch.cat([parameter.detach().flatten() for parameter in learner.network.parameters()]))
    assert torch.allclose(found[0], found[1], atol=1e-6)
