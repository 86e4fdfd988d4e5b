"""The encoders that ship, by their names on the command line."""

from agents.core.settings import AgentSettings
from agents.networks.cnn import Mlp, Nature, Patch, Small, Tiny
from agents.networks.encoder import Encoder
from agents.networks.resnet import Impala, Mobile
from games.errors import UserError, nearest

ENCODERS: dict[str, type[Encoder]] = {
    "patch": Patch,
    "tiny": Tiny,
    "small": Small,
    "nature": Nature,
    "impala": Impala,
    "mobile": Mobile,
    "mlp": Mlp,
}


def shipped_encoder(shape: tuple[int, ...], settings: AgentSettings) -> Encoder:
    """The encoder that settings name, for observations [stack, *frame]; `UserError` if it does not take them."""
    if settings.network not in ENCODERS:
        raise UserError(f"There is no network '{settings.network}'.\n{nearest(settings.network, ENCODERS)}")
    kind = ENCODERS[settings.network]
    if settings.observation not in kind.takes:
        fitting = [name for name, encoder in ENCODERS.items() if settings.observation in encoder.takes]
        raise UserError(
            f"The {settings.network} network does not take {settings.observation}.\n"
            f"For {settings.observation}: {', '.join(fitting)}."
        )
    return kind(shape, settings)
