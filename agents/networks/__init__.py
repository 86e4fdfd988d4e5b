"""Networks: encoders, recurrent memory, heads. A user's own network derives from `Encoder`."""

from agents.networks.encoder import Encoder, dense, orthogonal

__all__ = ["Encoder", "dense", "orthogonal"]
