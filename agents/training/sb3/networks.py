"""Our networks as Stable-Baselines3 builds them: the same layers, so that the two can be compared."""

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from torch import Tensor, nn

from agents.algorithms.settings import LearnerSettings
from agents.core.settings import AgentSettings
from agents.networks.cnn import Small


class Extractor(BaseFeaturesExtractor):
    """Convolutions (channels, kernel, stride) and hidden layers, written as Stable-Baselines3's own `NatureCNN` is."""

    def __init__(
        self,
        observation_space: spaces.Space,
        layers: tuple[tuple[int, int, int], ...],
        hidden: tuple[int, ...],
        activation: type[nn.Module] = nn.ReLU,
    ):
        super().__init__(observation_space, hidden[-1])
        shape = observation_space.shape
        assert shape is not None
        modules: list[nn.Module] = []
        channels = shape[0]
        for out, kernel, stride in layers:
            modules += [nn.Conv2d(channels, out, kernel, stride), nn.ReLU()]
            channels = out
        self.convolutions = nn.Sequential(*modules, nn.Flatten())
        with torch.no_grad():
            inputs = self.convolutions(torch.zeros(1, *shape)).shape[1]
        modules = []
        for width in hidden:
            modules += [nn.Linear(inputs, width), activation()]
            inputs = width
        self.hidden = nn.Sequential(*modules)

    def forward(self, observations: Tensor) -> Tensor:
        return self.hidden(self.convolutions(observations))


def policy_settings(settings: AgentSettings) -> dict[str, Any]:
    """`policy_kwargs` of the same network: the same layers, all heads straight on the last one."""
    return {"net_arch": [], **_encoder(settings), **_memory(settings)}


def _encoder(settings: AgentSettings) -> dict[str, Any]:
    if settings.network == "nature":
        return {"features_extractor_class": NatureCNN}
    kwargs: dict[str, Any] = {"layers": Small.layers, "hidden": (Small.hidden_units,)}
    if settings.network == "patch":  # patches are a convolution whose kernel is its stride
        layers = ((settings.channels, settings.patch, settings.patch),)
        kwargs = {"layers": layers, "hidden": (settings.hidden, settings.hidden)}
    elif settings.network == "mlp":
        kwargs = {"layers": (), "hidden": (settings.hidden, settings.hidden), "activation": nn.Tanh}
    return {"features_extractor_class": Extractor, "features_extractor_kwargs": kwargs}


def _memory(settings: AgentSettings) -> dict[str, Any]:
    if settings.memory == "none":
        return {}
    size = {"lstm_hidden_size": settings.memory_size, "n_lstm_layers": settings.memory_layers}
    return {**size, "shared_lstm": True, "enable_critic_lstm": False}


# Those of `agents.algorithms.optimizer.make_optimizer`, and what they are given beside the weight decay.
OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], tuple[str, ...]]] = {
    "adam": (torch.optim.Adam, ("eps",)),
    "adamw": (torch.optim.AdamW, ("eps",)),
    "rmsprop": (torch.optim.RMSprop, ("eps", "alpha", "momentum")),
    "sgd": (torch.optim.SGD, ("momentum",)),
    "adagrad": (torch.optim.Adagrad, ()),
}


def optimizer_settings(settings: LearnerSettings) -> dict[str, Any]:
    """The part of `policy_kwargs` that names the optimiser."""
    kind, names = OPTIMIZERS[settings.optimizer]
    values = {"eps": settings.optimizer_eps, "alpha": 0.99, "momentum": settings.momentum}
    arguments = {name: values[name] for name in names}
    return {"optimizer_class": kind, "optimizer_kwargs": {**arguments, "weight_decay": settings.weight_decay}}
