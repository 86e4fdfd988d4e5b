"""Encoders: shapes, precision, patches, and what does not go together."""

import numpy as np
import pytest
import torch

from agents.core.precision import best_dtype
from agents.core.settings import AgentSettings
from agents.networks.network import ActorCritic, make_encoder
from agents.networks.patches import to_patches
from agents.networks.registry import ENCODERS
from games.errors import UserError

SHAPES = {  # what goes with what: settings, observation's shape
    "patch": (AgentSettings(), (2, 36, 36)),
    "patch planes": (AgentSettings(observation="planes", size=12), (2, 7, 12, 12)),
    "small": (AgentSettings(network="small", size=42, stack=3), (3, 42, 42)),
    "nature": (AgentSettings(network="nature", size=84, stack=4), (4, 84, 84)),
    "impala": (AgentSettings(network="impala", size=42), (2, 42, 42)),
    "impala planes": (AgentSettings(network="impala", observation="planes", size=9), (2, 7, 9, 9)),
    "mobile": (AgentSettings(network="mobile", size=42), (2, 42, 42)),
    "mobile odd": (AgentSettings(network="mobile", size=45), (2, 45, 45)),
    "tiny": (AgentSettings(network="tiny", observation="planes", size=10), (1, 4, 10, 10)),
    "mlp": (AgentSettings(network="mlp", observation="objects"), (2, 21)),
}


def observations(shape, count=5, seed=0):
    rng = np.random.default_rng(seed)
    if len(shape) == 2:
        return rng.normal(size=(count, *shape)).astype(np.float32)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("name", SHAPES)
def test_every_encoder_gives_a_policy_and_a_value(name):
    settings, shape = SHAPES[name]
    network = ActorCritic(shape, 4, settings)
    stored = torch.from_numpy(network.encoder.to_storage(observations(shape)))
    assert stored.shape[1:] == network.encoder.stored
    logits, value = network(stored)
    assert logits.shape == (5, 4)
    assert value.shape == (5,)
    assert logits.dtype == value.dtype == torch.float32
    assert logits.isfinite().all()
    assert (value[0] != value[1:]).all(), "different pictures, different values"


def test_all_encoders_are_tried_here():
    assert {name.split()[0] for name in SHAPES} == set(ENCODERS)


@pytest.mark.parametrize("name", SHAPES)
def test_bfloat16_computes_nearly_the_same(name):
    settings, shape = SHAPES[name]
    torch.manual_seed(0)
    network = ActorCritic(shape, 4, settings)
    stored = torch.from_numpy(network.encoder.to_storage(observations(shape, 64)))
    with torch.no_grad():
        _, exact = network(stored)
        _, short = network(stored, torch.bfloat16)
    assert (exact - short).abs().max() < 0.05 * exact.abs().max()
    assert (exact - short).abs().max() > 0, "it must have been tried"


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "mlp"])
def test_bytes_are_numbers_from_0_to_1_to_a_network(name):
    """A white picture makes features of the order of one, not of hundreds."""
    settings, shape = SHAPES[name]
    made = make_encoder(shape, settings)
    white = torch.from_numpy(made.to_storage(np.full((1, *shape), 255, np.uint8)))
    assert 0.01 < made(white, torch.float32).max() < 30


@pytest.mark.parametrize("name", ["patch", "small", "nature", "tiny", "mlp"])
def test_weights_begin_orthogonal(name):
    """Every layer stretches all directions alike: by √2, a policy by 0.01, a value by 1."""
    settings, shape = SHAPES[name]
    network = ActorCritic(shape, 4, settings)
    layers = [(layer, 2**0.5) for layer in network.encoder.modules() if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))]
    layers = layers[name == "patch" :]  # its first one begins with waves
    assert len(layers) >= 2
    for layer, gain in (*layers, (network.policy, 0.01), (network.value, 1.0)):
        stretched = torch.linalg.svdvals(layer.weight.flatten(1))
        assert torch.allclose(stretched, torch.full_like(stretched, gain), rtol=1e-4)
        assert (layer.bias == 0).all()


@pytest.mark.parametrize("patch", [1, 2, 3, 4, 6])
def test_patches_are_what_reshape_and_transpose_give(patch):
    images = observations((3, 12, 24))
    cut = images.reshape(5, 3, 12 // patch, patch, 24 // patch, patch).transpose(0, 2, 4, 1, 3, 5)
    expected = cut.reshape(5, -1, 3 * patch * patch)
    assert (to_patches(images, patch, np.empty(expected.shape, np.uint8)) == expected).all()


def test_the_patch_encoder_is_a_convolution_with_its_kernel_as_stride():
    settings, shape = SHAPES["patch"]
    first = make_encoder(shape, settings).project
    images = observations(shape)
    kernel = first.weight.reshape(settings.channels, shape[0], settings.patch, settings.patch)
    convolved = torch.nn.functional.conv2d(torch.from_numpy(images).float(), kernel, first.bias, settings.patch)
    patches = torch.from_numpy(make_encoder(shape, settings).to_storage(images)).float()
    assert torch.allclose(first(patches).transpose(1, 2), convolved.flatten(2), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "shape", "says"),
    [
        ({"network": "pach"}, (2, 36, 36), "Did you mean 'patch'"),
        ({"network": "mlp"}, (2, 36, 36), "does not take pixels"),
        ({"network": "small", "observation": "objects"}, (2, 21), "For objects: mlp"),
        ({"size": 40}, (2, 40, 40), "size=42"),
        ({"network": "small", "size": 8}, (2, 8, 8), "too small"),
        ({"network": "nature", "size": 20}, (4, 20, 20), "too small"),
        ({"network": "impala", "size": 8}, (2, 8, 8), "size=9 or more"),
        ({"network": "mobile", "size": 11}, (2, 11, 11), "size=12 or more"),
    ],
)
def test_what_does_not_go_together_is_said(changes, shape, says):
    with pytest.raises(UserError, match=says):
        make_encoder(shape, AgentSettings(**changes))


@pytest.mark.parametrize(("name", "smallest"), [("impala", 9), ("mobile", 12)])
def test_the_size_that_the_advice_names_is_enough(name, smallest):
    made = make_encoder((2, smallest, smallest), AgentSettings(network=name, size=smallest))
    rows = torch.from_numpy(made.to_storage(observations((2, smallest, smallest))))
    assert made(rows, torch.float32).shape == (5, made.features)
    assert made.hidden.in_features == 32 * 2 * 2


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_reach_every_parameter(name, dtype):
    settings, shape = SHAPES[name]
    torch.manual_seed(0)
    network = ActorCritic(shape, 4, settings)
    logits, value = network(torch.from_numpy(network.encoder.to_storage(observations(shape, 16))), dtype)
    (logits.square().sum() + value.square().sum()).backward()
    for which, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, which


def plain_impala(made, images):
    """Features by torch's own layers, as the paper's figure 3 draws them."""
    x = torch.from_numpy(images).double() / 255
    for stage in made.stages:
        x = torch.nn.functional.max_pool2d(stage.widen.double()(x), 3, 2, 1)
        for block in stage.blocks:
            x = x + block.second.double()(block.first.double()(x.relu()).relu())
    return made.hidden.double()(x.relu().flatten(1)).relu()


def plain_mobile(made, images):
    x = made.first.double()(torch.from_numpy(images).double() / 255).clamp(0, 6)
    for block in made.inner:
        inner = block.look.double()(block.widen.double()(x).clamp(0, 6)).clamp(0, 6)
        inner = block.narrow.double()(inner)
        x = x + inner if inner.shape == x.shape else inner
    return made.hidden.double()(x.flatten(1)).relu()


@pytest.mark.parametrize(("name", "plain"), [("impala", plain_impala), ("mobile", plain_mobile), ("mobile odd", plain_mobile)])
def test_the_residual_encoders_are_what_their_papers_draw(name, plain):
    settings, shape = SHAPES[name]
    torch.manual_seed(0)
    made, images = make_encoder(shape, settings), observations(shape)
    with torch.no_grad():
        ours = made(torch.from_numpy(made.to_storage(images)), torch.float32)
        assert torch.allclose(ours.double(), plain(made, images), atol=1e-4)


def test_precision_is_one_of_three():
    cpu = torch.device("cpu")
    assert best_dtype(cpu, "fp32") == torch.float32
    assert best_dtype(cpu, "bf16") == torch.bfloat16
    assert best_dtype(cpu, "auto") in (torch.float32, torch.bfloat16)
    with pytest.raises(UserError, match="fp32"):
        best_dtype(cpu, "fp23")
