"""The optimisers of torch that settings can name, and the schedules of their learning rate."""

from functools import cache
from math import cos, pi
from typing import Any

import torch

from agents.algorithms.settings import CHOICES, LearnerSettings
from games.errors import UserError, nearest


def scheduled(value: float, schedule: str, progress: float) -> float:
    """A value that stays (constant) or falls to 0 (linear, cosine) over a run, at some progress (0 to 1) of it.

    >>> [scheduled(1.0, "linear", p) for p in (0.0, 0.25, 1.0)], round(scheduled(1.0, "cosine", 0.25), 3)
    ([1.0, 0.75, 0.0], 0.854)
    """
    left = max(0.0, 1.0 - progress)
    return value * {"constant": 1.0, "linear": left, "cosine": 0.5 - 0.5 * cos(pi * left)}[schedule]


def scheduled_rate(rate: float, schedule: str, warmup: float, progress: float) -> float:
    """The learning rate at some progress (0 to 1) of a run.

    >>> scheduled_rate(1.0, "linear", 0.0, 0.25), scheduled_rate(1.0, "constant", 0.5, 0.25)
    (0.75, 0.5)
    """
    return scheduled(rate, schedule, progress) * (min(1.0, progress / warmup) if warmup > 0 else 1.0)


@cache
def _without_compiler(kind: type[torch.optim.Optimizer]) -> Any:
    """An optimiser of torch whose methods do not import torch's compiler only to tell it that they are not to be compiled.

    That import takes nearly as long as torch's own; nothing here is compiled by it.
    """
    names = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")
    methods = {name: getattr(method, "__wrapped__", method) for name in names for method in [getattr(kind, name)]}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(methods["step"])})


def make_optimizer(parameters: list[dict[str, Any]], settings: LearnerSettings, device: torch.device) -> torch.optim.Optimizer:
    """torch's optimiser of the name in the settings, over groups of parameters; fused kernels where it has them."""
    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD,
        "adagrad": torch.optim.Adagrad,
    }  # fmt: skip
    name, rate, decay, eps = settings.optimizer, settings.learning_rate, settings.weight_decay, settings.optimizer_eps
    fused = device.type in ("cpu", "cuda")
    if name not in kinds:
        raise UserError(f"There is no optimizer '{name}'.\n{nearest(name, CHOICES['optimizer'])}")
    more: dict[str, Any] = {
        "adam": {"eps": eps, "fused": fused},
        "adamw": {"eps": eps, "fused": fused},
        "rmsprop": {"eps": eps, "alpha": 0.99, "momentum": settings.momentum},
        "sgd": {"momentum": settings.momentum, "fused": fused},
        "adagrad": {},
    }[name]
    return _without_compiler(kinds[name])(parameters, lr=rate, weight_decay=decay, **more)


def optimizer_slots(settings: LearnerSettings) -> set[str]:
    """The names of the tensors that the optimiser keeps of each weight.

    >>> from agents.algorithms.ppo import PPOSettings
    >>> sorted(optimizer_slots(PPOSettings(optimizer="adam")))
    ['exp_avg', 'exp_avg_sq', 'step']
    """
    weight = torch.zeros(1, requires_grad=True)
    optimizer = make_optimizer([{"params": [weight]}], settings, weight.device)
    weight.grad = torch.zeros(1)
    optimizer.step()
    return {name for name, value in optimizer.state[weight].items() if isinstance(value, torch.Tensor)}
