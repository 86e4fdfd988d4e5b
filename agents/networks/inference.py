"""Networks that do not learn any more, prepared for many small batches: an agent of a crowd has a few rows at a time.

There the products are small, and most of a pass's time goes into everything around them. Measured with eight `patch` networks
on 150 rows in all, one thread: 3.3 ms by `Network.step`, 0.8 ms prepared, 0.5 ms for one network on all rows. One pass through
stacked weights (`baddbmm`, rows padded to 1.6 times their mean) takes 0.9 ms.
"""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from agents.networks.cnn import Mlp, Patch
from agents.networks.encoder import BYTE_SCALE
from agents.networks.network import ActionValues, ActorCritic, Network, NormalizedActionValues

Layer = tuple[Tensor, Tensor]  # transposed weight [in, out], bias [out]
Scores = Callable[[Tensor], Tensor]


def prepared_scores(network: Network) -> Scores | None:
    """A function from stored observations [B, *encoder.stored] to the scores [B, A] of a network as it is now, to the last
    few bits; None for a network that has a memory, or is not one of linear layers alone.
    """
    encoder = network.encoder
    if network.memory is not None or type(encoder) not in (Patch, Mlp):
        return None
    with torch.no_grad():
        head = _head(network)
        if isinstance(encoder, Patch):
            project = (encoder.project.weight * BYTE_SCALE).T.contiguous(), encoder.project.bias.clone()
            return _patch_scores(project, [_layer(encoder.hidden), _layer(encoder.last)], head)
        assert isinstance(encoder, Mlp)
        return _mlp_scores(encoder.normal, [_layer(encoder.first), _layer(encoder.second)], head)


def _layer(linear: torch.nn.Linear) -> Layer:
    return linear.weight.T.contiguous(), linear.bias.clone()


def _scores_layer(network: Network) -> Layer:
    """The head of the scores as one layer; a duelling one, Q = V + A − mean A, is linear too."""
    if isinstance(network, ActorCritic):
        return _layer(network.policy)
    assert isinstance(network, ActionValues)
    weight, bias = _layer(network.advantage)
    if network.value is None:
        return weight, bias
    value_weight, value_bias = _layer(network.value)
    return weight - weight.mean(1, keepdim=True) + value_weight, bias - bias.mean() + value_bias


def _head(network: Network) -> Scores:
    """The scores [B, A] of features [B, F]."""
    weight, bias = _scores_layer(network)
    if isinstance(network, NormalizedActionValues):
        norm = deepcopy(network.norm)
        if network.scale is not None:
            weight, bias = weight * network.scale.deviation, network.scale(bias)
        return lambda features: torch.addmm(bias, norm(features), weight)
    return lambda features: torch.addmm(bias, features, weight)


def _patch_scores(project: Layer, hidden: list[Layer], head: Scores) -> Scores:
    def scores(x: Tensor) -> Tensor:  # [B, patches, channels * patch²]
        features = torch.addmm(project[1], x.flatten(0, 1).float(), project[0]).relu_().view(len(x), -1)
        for weight, bias in hidden:
            features = torch.addmm(bias, features, weight).relu_()
        return head(features)

    return scores


def _mlp_scores(normal: torch.nn.Module | None, hidden: list[Layer], head: Scores) -> Scores:
    def scores(x: Tensor) -> Tensor:  # [B, stack * numbers]
        features = x if normal is None else normal(x)
        for weight, bias in hidden:
            features = torch.addmm(bias, features, weight).tanh_()
        return head(features)

    return scores
