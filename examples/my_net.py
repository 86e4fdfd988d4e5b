"""A network of your own: python train.py pong --network examples/my_net.py --set size=42"""

from torch import Tensor, nn

from agents.networks import Encoder


class MyNet(Encoder):
    """Two convolutions and a hidden layer."""

    def __init__(self, shape, settings):
        super().__init__(shape, settings)
        channels, height, width = self.image  # channels: the frames of the stack, for pixels one channel each
        self.look = nn.Conv2d(channels, 16, 5, stride=2, padding=2)
        self.combine = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.hidden = nn.Linear(32 * -(-height // 4) * -(-width // 4), 128)
        self.features = 128  # size of the output

    def forward(self, x: Tensor, dtype) -> Tensor:  # uint8 [B, channels, height, width] to [B, features]
        x = self.look(x.float() / 255).relu()
        return self.hidden(self.combine(x).relu().flatten(1)).relu()
