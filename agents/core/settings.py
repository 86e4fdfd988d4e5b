"""What an agent is, as its file says it: what it sees, its network, how it acts."""

from dataclasses import dataclass


@dataclass
class AgentSettings:
    """What an agent is, whatever taught it: written into its file, so that it sees and acts as it did in training."""

    observation: str = "pixels"  # pixels, planes or objects
    size: int = 30  # of pixels and planes; the fewest that still show a small ball move smoothly
    stack: int = 2  # newest frames seen at once; two show where things are going
    network: str = "patch"  # encoder: patch, tiny, small, nature, impala, mobile, mlp, or the name of a file of one's own
    network_digest: str = ""  # of such a file: its SHA-256, see `agents.networks.custom`
    hidden: int = 128  # units of the last hidden layer (patch, mlp); the others have their own
    channels: int = 16  # of the patch encoder's first layer
    patch: int = 6  # pixels, the patch encoder's kernel and stride
    normalize_observation: bool = False  # of mlp: by running means and deviations of each number
    normalize_value: bool = False  # of ppo: values are learned in units of their own deviation
    memory: str = "none"  # none, or lstm: what the encoder found in earlier decisions of the episode; stack is then 1
    memory_size: int = 128  # units of it
    memory_layers: int = 1
    dueling: bool = True  # of dqn: a value and advantages instead of the actions' values (Wang et al. 2016)
    temperature: float = 0.0  # of play; 0: the likeliest action
    epsilon: float = 0.0  # of play, for dqn: how often any allowed action
    delay: int = 0  # ticks until a decision takes effect, in training and in play; a person's is about 12


ALGORITHMS = ("ppo", "dqn")  # of the networks that an agent's file may hold

# From the least to the greatest of what an agent's file may say: it comes from anywhere.
RANGES: dict[str, tuple[float, float]] = {
    "size": (8, 256), "stack": (1, 16), "hidden": (1, 65536), "channels": (1, 4096), "patch": (1, 256),
    "memory_size": (1, 4096), "memory_layers": (1, 8),
    "temperature": (0, 1000), "epsilon": (0, 1), "delay": (0, 60),
}  # fmt: skip
