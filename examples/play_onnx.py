"""Play an exported agent without torch: python examples/play_onnx.py pong.onnx pong [opponent]   (or ./my_game.py)"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the checkout, where `games` is

import gymnasium
import numpy as np
import onnxruntime

import games
from games.envs.gymnasium import register

if len(sys.argv) < 3 or "--help" in sys.argv:
    sys.exit(__doc__)
path, name, *opponent = sys.argv[1:]
env_id = register(name) if name.endswith(".py") else games.env_ids().get(name, name)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
wanted = {graph_input.name: graph_input.shape for graph_input in session.get_inputs()}
stack, *frame = wanted["observation"][1:]
kind = {1: "objects", 2: "pixels", 3: "planes"}[len(frame)]
rival = {"opponent": opponent[0]} if opponent else {}
env = gymnasium.make(env_id, observation=kind, stack=stack, size=frame[-1] if kind != "objects" else 84, **rival)

returns = []
for seed in range(20):
    seen, info = env.reset(seed=seed)
    memory = np.zeros((1, *wanted["memory"][1:]), np.float32) if "memory" in wanted else None
    over, total, start = False, 0.0, True
    while not over:
        channels_first = seen if kind == "objects" else np.moveaxis(seen, -1, 0)
        given = {"observation": np.ascontiguousarray(channels_first).reshape(1, stack, *frame)}
        given |= {"mask": info["action_mask"][None].astype(np.uint8)} if "mask" in wanted else {}
        given |= {"memory": memory, "start": np.array([start])} if "memory" in wanted else {}
        _, _, action, *after = session.run(None, given)
        seen, reward, terminated, truncated, info = env.step(int(action[0]))
        memory, start, over, total = after[0] if after else None, False, terminated or truncated, total + float(reward)
    returns.append(total)
print(f"{env_id}: mean return {np.mean(returns):.2f} over {len(returns)} games")
