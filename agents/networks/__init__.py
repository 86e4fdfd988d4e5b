"""Networks: encoders, a memory, heads. A network of one's own builds on `Encoder`."""

from agents.networks.encoder import Encoder, dense, orthogonal

__all__ = ["Encoder", "dense", "orthogonal"]
