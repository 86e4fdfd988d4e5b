"""Observations of Gymnasium's spaces: networks see each part, in training, play and exported graphs, or it is said why not."""

import dataclasses
import json

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation

from agents.algorithms.ppo import PPO, PPOSettings
from agents.bridges import onnx
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import RECIPES, GymGame, load
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.networks.inputs import split_frames
from agents.play.agent import Agent, build_network
from agents.play.agent_info import read_run
from agents.play.description import describe_network
from agents.play.seats import Participant
from agents.training.config import ALGORITHMS, resolve
from games.errors import UserError

Box, Discrete = spaces.Box, spaces.Discrete
BYTES = Box(0, 255, (7, 7, 3), np.uint8)


class Words(spaces.Space):
    """A space of words of a package's own, as MiniGrid's missions are."""

    def __init__(self):
        super().__init__((), str)

    def sample(self, mask=None, probability=None):
        return "go"

    def contains(self, x):
        return isinstance(x, str)


class Parts(gymnasium.Env):
    """Shows a code in an image's middle, a number and a direction; pays for the action whose number they give together.

    An episode has eight decisions. `shift`: 0 where the direction alone tells, else the code counts too.
    """

    action_space = Discrete(4)

    def __init__(self, render_mode=None):
        self.observation_space = spaces.Dict(
            image=BYTES, direction=Discrete(2, start=1), number=Box(-1e6, 1e6, (1,), np.float32), mission=Words()
        )

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._seen(), {}

    def step(self, action):
        paid, self.count = float(action == self.right), self.count + 1
        return self._seen(), paid, False, self.count == 8, {}

    def _seen(self):
        code, turned = self.np_random.integers(2, size=2)
        self.right = 2 * code + turned
        image = np.full(BYTES.shape, 2, np.uint8)
        image[3, 3] = 10 if code else 9
        number = np.array([1e5 * self.np_random.normal()], np.float32)
        return {"image": image, "direction": int(turned) + 1, "number": number, "mission": "find it"}


class Shows(gymnasium.Env):
    """Samples of a space; an episode has five decisions. `codes`: only the bytes below it."""

    action_space = Discrete(2)

    def __init__(self, space, codes=None, render_mode=None):
        self.observation_space, self.codes = space, codes

    def _sample(self):
        sample = self.observation_space.sample()
        return sample if self.codes is None else sample % self.codes

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.count = 0
        return self._sample(), {}

    def step(self, action):
        self.count += 1
        return self._sample(), 1.0, self.count == 5, False, {}


@pytest.fixture
def register():
    """`register(kind, **options)`: an environment as a game; forgotten after the test."""
    made = []

    def call(kind=Parts, **options):
        name = f"Seen{len(made)}-v0"
        gymnasium.register(name, entry_point=lambda **given: kind(**given), kwargs=options)
        made.append(name)
        return GymGame(name)

    yield call
    for name in made:
        del gymnasium.registry[name]


def learner_of(game, algorithm="ppo", **changes):
    pace = {"learning_starts": 64, "batch_size": 32, "gradient_steps": 1} if algorithm == "dqn" else {"n_steps": 16}
    quick = {"n_envs": 8, "precision": "fp32", **pace}
    settings, _ = resolve(game, algorithm, {**quick, **changes}, None)
    return ALGORITHMS[algorithm][0](game, settings, 1, [], threads=1)


def agent_of(game, algorithm="ppo", **changes):
    """An agent that knows nothing, but decidedly."""
    agent = learner_of(game, algorithm, **changes).agent()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        for parameter in agent.network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return agent


# --- parts -----------------------------------------------------------------------------------------------------------


NESTED = spaces.Dict(
    a=spaces.Tuple((Discrete(3, start=-1), spaces.Text(5))),
    b=spaces.Dict(c=spaces.MultiDiscrete([2, 3]), d=spaces.MultiBinary([1, 2]), e=Box(-1, 1, ())),
)
VALUE = {"a": (1, "no"), "b": {"c": np.array([1, 0]), "d": np.array([[0, 1]]), "e": np.float32(0.5)}}


def test_parts_without_an_image_are_flattened_in_their_order():
    adapter = ObservationAdapter("it", NESTED)
    assert adapter.forms == ("objects",) and adapter.shape("objects", 0) == (11,)
    expected = [0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0.5]
    assert adapter.frames([VALUE, VALUE], "objects", 0).tolist() == [expected, expected]
    assert [becomes for _, _, becomes in adapter.describe("objects")] == [
        "3 numbers, one-hot", "text, left out", "5 numbers, one-hot", "2 numbers, as they are", "1 number, as they are",
    ]  # fmt: skip


def test_an_image_and_the_numbers_beside_it_are_one_frame_that_comes_apart_again():
    space = spaces.Dict(x=Box(0, 255, (3, 5, 3), np.uint8), v=Box(-9, 9, (2,), np.float32))
    adapter = ObservationAdapter("it", space)
    observation = {"x": np.arange(45, dtype=np.uint8).reshape(3, 5, 3), "v": np.array([-0.1, 7], np.float32)}
    assert adapter.forms == ("planes+objects", "pixels+objects", "planes", "pixels")
    frames = adapter.frames([observation] * 2, "planes+objects", 0)
    assert frames.shape == (2, *adapter.shape("planes+objects", 0)) == (2, 48 + 8) and frames.dtype == np.uint8
    image, objects = split_frames(frames[:, None], adapter.image_shape("planes+objects", 0))
    assert (image[1, 0] == observation["x"].transpose(2, 0, 1)).all() and (objects[1, 0] == observation["v"]).all()
    assert (adapter.frames([observation], "planes", 0)[0] == image[0, 0]).all()


def test_images_of_the_largest_size_are_channels_and_others_are_flattened_or_resized():
    space = spaces.Dict(
        a=Box(0, 255, (20, 30, 3), np.uint8), b=Box(0, 1, (20, 30), np.uint8), little=Box(0, 9, (4, 4), np.uint8),
        large=Box(0, 255, (10, 15, 8), np.uint8),
    )  # fmt: skip
    adapter = ObservationAdapter("it", space)
    assert adapter.channels == 3 + 1 + 8 and adapter.num_objects == 160, "of ten values each, one-hot"
    large = np.arange(150, dtype=np.uint8).reshape(10, 15, 1).repeat(8, 2)
    observation = {**space.sample(), "large": large}
    planes = adapter.frames([observation], "planes", 0)[0]
    assert (planes[-1, ::2, ::2] == large[:, :, 0]).all() and (planes[-1, 1::2, 1::2] == large[:, :, 0]).all()
    words = {name: becomes for name, _, becomes in adapter.describe("planes+objects")}
    assert words["large"] == "image, 8 channels, resized to 20 × 30" and words["little"] == "160 numbers, one-hot"


def test_a_batch_of_dicts_is_read_as_a_list_of_them():
    adapter = ObservationAdapter("it", Parts().observation_space)
    rows = [adapter.space.sample() for _ in range(3)]
    batch = {key: np.stack([row[key] for row in rows]) for key in ("image", "direction", "number")}
    assert (adapter.frames(batch, "planes+objects", 0) == adapter.frames(rows, "planes+objects", 0)).all()
    assert adapter.is_batch(batch) and adapter.is_batch(rows) and not adapter.is_batch(rows[0])


def test_the_entry_of_a_mask_is_no_part_of_the_frame():
    space = spaces.Dict(observation=Box(0, 1, (6, 7, 2), np.int8), action_mask=Box(0, 1, (7,), np.int8))
    adapter = ObservationAdapter("it", space, 7)
    assert adapter.mask_key == "action_mask" and adapter.forms == ("planes",)
    rows = [space.sample() for _ in range(2)]
    assert (adapter.masks(rows) == [row["action_mask"] for row in rows]).all() and adapter.masks(rows).dtype == np.uint8
    assert ObservationAdapter("it", space, 6).mask_key is None, "of another length than the actions"


@pytest.mark.parametrize(
    "space, said",
    [
        (spaces.Dict(a=Discrete(2), b=spaces.Sequence(Discrete(2))), "space Sequence in its entry 'b'"),
        (spaces.Graph(Box(0, 1, (1,)), None), "space Graph"),
        (spaces.Text(5), "words alone"),
        (Box(-np.inf, np.inf, (100, 100, 100)), "no image"),
    ],
)
def test_what_cannot_be_seen_is_refused_in_words_that_help(space, said):
    with pytest.raises(UserError, match=said) as error:
        ObservationAdapter("gym:it", space)
    assert "FlattenObservation" not in str(error.value) and 2 <= len(str(error.value).splitlines()) <= 3


# --- images ----------------------------------------------------------------------------------------------------------


def stacked(space, count):
    return FrameStackObservation(Shows(space), count).observation_space


@pytest.mark.parametrize(
    "space, forms, shape",
    [
        (stacked(Box(0, 255, (84, 84, 3), np.uint8), 4), ("planes", "pixels"), (12, 84, 84)),
        (stacked(Box(0, 255, (84, 84, 1), np.uint8), 4), ("planes", "pixels"), (4, 84, 84)),
        (stacked(Box(0, 255, (84, 84), np.uint8), 4), ("planes",), (4, 84, 84)),
        (stacked(Box(0, 255, (84, 84), np.uint8), 3), ("planes", "pixels"), (3, 84, 84)),
        (stacked(Box(0, 255, (210, 160), np.uint8), 4), ("planes",), (4, 210, 160)),
        (Box(0, 1, (5, 10, 12), np.uint8), ("planes",), (12, 5, 10)),
        (Box(0, 255, (84, 84), np.float32), ("planes", "pixels"), (1, 84, 84)),
        (Box(-1, 1, (8, 8, 12), np.int8), ("planes",), (12, 8, 8)),
        (Box(-1, 1, (3, 3, 1), np.int8), ("planes", "pixels"), (1, 3, 3)),
        (Box(-3.4e38, 3.4e38, (7, 7, 4)), ("objects",), (196,)),
    ],
)
def test_the_axes_of_images_and_stacks_are_told_apart(space, forms, shape):
    adapter = ObservationAdapter("it", space)
    assert adapter.forms == forms and adapter.shape(forms[0], 84) == shape
    assert adapter.frames([space.sample()], forms[0], 84).shape == (1, *shape)


def test_a_stack_of_pictures_in_colours_is_channels_in_the_order_of_time():
    adapter = ObservationAdapter("it", stacked(Box(0, 255, (84, 84, 3), np.uint8), 4))
    raw = np.zeros((1, 4, 84, 84, 3), np.uint8)
    raw[0, 2, :, :, 1] = 200
    assert np.flatnonzero(adapter.frames(raw, "planes", 0)[0].any((1, 2))).tolist() == [7]
    assert adapter.frames(raw, "pixels", 42)[0].max((1, 2)).tolist() == [0, 0, round(200 * 0.587), 0]


def test_three_grey_frames_are_frames_and_no_colours(register):
    space = stacked(Box(0, 255, (84, 84), np.uint8), 3)
    raw = np.zeros((1, 3, 84, 84), np.uint8)
    raw[0, 2] = 200
    adapter = ObservationAdapter("it", space)
    for form, shape in (("planes", (3, 84, 84)), ("pixels", (3, 42, 42))):
        frames = adapter.frames(raw, form, 42)
        assert frames.shape == (1, *shape) and frames[0].max((1, 2)).tolist() == [0, 0, 200]
    recipe = register(Shows, space=space).recipe["ppo"]
    assert (recipe["observation"], recipe["stack"]) == ("planes", 1)


def test_floats_up_to_255_and_signed_numbers_are_the_bytes_they_mean():
    cases = [
        (Box(0, 255, (4, 4, 1), np.float32), [0.0, 255.0, 128.0], [0, 255, 128]),
        (Box(0, 1, (4, 4, 1), np.float32), [0.0, 1.0, 0.5], [0, 255, 128]),
        (Box(-1, 1, (4, 4, 1), np.float32), [-1.0, 1.0, 0.0], [0, 255, 128]),
        (Box(-1, 1, (4, 4, 1), np.int8), [-1, 1, 0], [0, 2, 1]),
        (Box(0, 65535, (4, 4, 1), np.uint16), [0, 65535, 257], [0, 255, 1]),
    ]
    for space, raw, expected in cases:
        adapter = ObservationAdapter("it", space)
        for number, byte in zip(raw, expected, strict=True):
            assert adapter.frames(np.full((1, 4, 4, 1), number, space.dtype), "planes", 0)[0, 0, 0, 0] == byte, (space, number)


@pytest.mark.parametrize(
    "space, codes",
    [
        (Box(-1, 1, (8, 8, 12), np.int8), 3),
        (Box(0, 9, (24, 18), np.uint8), 10),
        (Box(0, 1, (10, 10, 4), bool), 0),
        (Box(0, 1, (10, 10, 4), np.float32), 0),
        (BYTES, 0),
        (Box(0, 255, (84, 84, 3), np.uint8), 0),
    ],
)
def test_few_declared_values_are_codes_and_bits_and_colours_are_not(register, space, codes):
    for algorithm, recipe in register(Shows, space=space).recipe.items():
        assert recipe.get("codes", 0) == codes, algorithm


def test_bytes_that_stay_small_in_random_play_are_codes_and_the_agents_file_keeps_it(register, tmp_path):
    game = register(Shows, space=BYTES, codes=11)
    assert game.recipe["ppo"]["codes"] == 16, "and some that random play did not meet"
    agent = agent_of(game)
    agent.save(tmp_path / "agent.safetensors")
    game._codes = 0  # another computer's play may look otherwise
    assert Agent.load(tmp_path / "agent.safetensors", game).info.settings.codes == 16
    assert register(Shows, space=Box(0, 255, (84, 84, 3), np.uint8), codes=11).recipe["ppo"].get("codes", 0) == 0
    assert register(Shows, space=Box(0, 1, (10, 10, 4), bool)).recipe is RECIPES["grid"]


def test_an_environment_that_fails_in_random_play_has_no_codes(register):
    class Fails(Shows):
        def step(self, action):
            raise RuntimeError("no")

    assert "codes" not in register(Fails, space=BYTES, codes=11).recipe["ppo"]


# --- learning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_paid_for_in_an_image_and_a_number_together_is_learned(algorithm, register):
    pace = {"n_envs": 16, "learning_rate": 3e-3, "schedule": "constant", "gamma": 0.5}
    pace |= (
        {"n_step": 1, "exploration_fraction": 0.05, "gradient_steps": 4, "batch_size": 64}
        if algorithm == "dqn"
        else {"n_steps": 32, "batch_size": 128}
    )
    learner = learner_of(register(), algorithm, **pace)
    scores = []
    for decisions in (0, 8000):
        while learner.steps < decisions:
            learner.iterate(lambda: 0.5)
        scores.append(evaluate(learner.game, Participant("agent", agent=learner.agent()), 50, 1).score)
    assert scores[0] < 5 and scores[1] > 7, "of 8; chance is 2, the image alone or the direction alone 4"
    objects = learner.network.encoder.normal
    assert 5e4 < objects.deviation[-1] < 2e5 and objects.deviation[0] == pytest.approx(0.5, abs=0.1)


def test_normalised_images_are_of_mean_zero_and_deviation_one(register):
    game = register(Shows, space=Box(0, 255, (12, 12, 2), np.uint8))
    learner = learner_of(game, normalize_observation=True, stack=2)
    for _ in range(2):
        learner.iterate(lambda: 0.0)
    learner.collector.begin_iteration()
    encoder = learner.network.encoder
    mean = encoder.normal.mean.tolist()  # the older frame is black at each first decision of five
    assert mean[2:] == pytest.approx([127.5] * 2, rel=0.05) and mean[:2] == pytest.approx([102] * 2, rel=0.1)
    seen = []
    encoder.inner.forward = lambda x, dtype: seen.append(x) or torch.zeros(len(x), encoder.features)
    encoder(torch.from_numpy(encoder.to_storage(learner.collector.arena.view.newest())), torch.float32)
    newest = encoder.inner.from_storage(seen[0])[:, 2:] / 255
    assert newest.mean().abs() < 0.1 and newest.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("memory", ["none", "lstm"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_run_of_several_parts_goes_on_to_the_same_weights(algorithm, memory, register):
    game = register()
    learners = [learner_of(game, algorithm, memory=memory, memory_size=8) for _ in range(2)]
    learners[0].iterate(lambda: 0.1)
    learners[1].restore(*learners[0].state())
    before, after = (learner.network.state_dict() for learner in learners)
    assert all((before[name] == after[name]).all() for name in before)
    learners[1].iterate(lambda: 0.1)


@pytest.mark.parametrize("augment, refused", [("shift", False), ("intensity", True)])
def test_shifts_move_the_image_alone(register, augment, refused):
    if refused:
        with pytest.raises(UserError, match="augment=shift"):
            learner_of(register(), augment=augment)
        return
    learner = learner_of(register(), augment=augment, augment_shift=1)
    encoder = learner.network.encoder
    seen = []
    original = encoder.encode
    encoder.encode = lambda image, objects, dtype: seen.append(objects) or original(image, objects, dtype)
    learner.iterate(lambda: 0.0)
    kept = torch.cat(seen)
    assert set(kept[:, 0].tolist()) | set(kept[:, 1].tolist()) <= {0.0, 1.0} and (kept[:, 0] + kept[:, 1] <= 1).all()


@pytest.mark.parametrize("network", ["tiny", "impala", "patch"])
def test_any_network_for_images_takes_objects_beside_them(register, network):
    game = register(Shows, space=spaces.Dict(x=Box(0, 255, (36, 36, 3), np.uint8), v=Box(-9, 9, (2,), np.float32)))
    for observation in ("pixels+objects", "planes+objects", "planes"):
        learner = learner_of(game, network=network, observation=observation, size=36, stack=2, n_envs=2)
        learner.iterate(lambda: 0.0)


SEEN = [{}, {"observation": "pixels+objects", "network": "patch", "size": 12, "codes": 0}]


@pytest.mark.parametrize("changes", SEEN, ids=str)
def test_a_run_that_sees_an_image_and_numbers_is_evaluated_played_and_resumed(changes, register, main, tmp_path):
    """What it sees has names that files of agents and of runs must know: planes+objects, pixels+objects."""
    name, few = register().name, {"threads": 1, "n_envs": 8, "eval_games": 2, "final_games": 2, "gif": "false", **changes}
    words = [word for each, value in few.items() for word in ("--set", f"{each}={value}")]
    code, _, error = main(name, "--steps", 500, "--name", "seen", *words)
    assert code == 0, error
    folder = next(tmp_path.glob("*/seen"))
    assert Agent.load(folder / "agent.safetensors", load(name)).info.settings.observation.endswith("+objects")
    assert read_run(folder).agent.settings.observation.endswith("+objects")
    code, _, error = main(name, "--resume", folder, "--steps", 900)
    assert code == 0, error


def test_a_network_of_ones_own_takes_the_image_and_objects_are_beside_it(register, tmp_path):
    file = tmp_path / "my_net.py"
    file.write_text(
        "import torch\nfrom agents.networks import Encoder\n\n\nclass MyNet(Encoder):\n"
        "    def __init__(self, shape, settings):\n        super().__init__(shape, settings)\n"
        "        self.layer = torch.nn.Linear(7 * 7 * 3 * 16, 32)\n        self.features = 32\n\n"
        "    def forward(self, x, dtype):\n"
        "        return torch.relu(self.layer((x.float() / 255).flatten(1)))\n"
    )
    learner = learner_of(register(), network=str(file))
    learner.iterate(lambda: 0.0)


# --- play, description, export ---------------------------------------------------------------------------------------


def test_act_takes_dicts_as_the_environment_gives_them(register):
    game = register()
    agent = agent_of(game)
    env = game.make()
    raw = [env.reset(seed=1)[0], *(env.step(env.action_space.sample())[0] for _ in range(20))]
    frames = game.adapter.frames(raw, "planes+objects", 0)[:, None]
    expected = agent.decide(frames, None)[0].tolist()
    assert agent.act(raw).tolist() == [agent.act(observation) for observation in raw] == expected
    assert len(set(expected)) > 1


def test_the_description_says_what_becomes_of_each_part(register, main, capsys):
    game = register()
    settings, _ = resolve(game, "ppo", {}, None)
    found = describe_network(game, settings, "ppo")
    assert found["parts"] == [
        ("image", "7 × 7 × 3, uint8, 0 to 255", "image, 3 channels of 16 codes"),
        ("direction", "Discrete(2, start=1)", "2 numbers, one-hot"),
        ("number", "1, float32, -1e+06 to 1e+06", "1 number, normalised"),
        ("mission", "text", "text, left out"),
    ]
    assert sum(layer["parameters"] for layer in found["layers"]) == found["parameters"]
    code, out, _ = main(game.name, "--describe")
    assert code == 0 and "image, 3 channels of 16 codes" in out and "text, left out" in out
    code, out, _ = main(game.name, "--describe", "--json")
    assert json.loads(out)["parts"][3] == ["mission", "text", "text, left out"]
    assert "mission (text) is text, left out" in learner_of(game).remarks


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": "lstm", "memory_size": 8},
        pytest.param({"stack": 2, "codes": 0}, marks=pytest.mark.slow),
        {"observation": "pixels+objects", "network": "patch", "size": 12, "codes": 0, "normalize_observation": False},
        pytest.param({"observation": "planes"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.parametrize("algorithm", ["ppo", pytest.param("dqn", marks=pytest.mark.slow)])
def test_the_graph_takes_image_and_objects_and_decides_as_the_agent_does(algorithm, changes, register, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "GAMES", 10)
    monkeypatch.setattr(onnx, "DECISIONS", 30)
    agent = agent_of(register(), algorithm, **changes)
    for name, buffer in agent.network.named_buffers():
        if name.endswith("deviation"):
            buffer.fill_(5.0)
    found = onnx.export(agent, tmp_path / "agent.onnx")
    assert found.observations == 300 and found.same == 1.0
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(tmp_path / "agent.onnx", providers=["CPUExecutionProvider"])
    inputs = {given.name: given.shape[1:] for given in session.get_inputs()}
    stack = agent.info.settings.stack
    if changes.get("observation") == "planes":
        assert inputs["observation"] == [stack, 3, 7, 7] and "objects" not in inputs
    else:
        assert inputs["objects"] == [stack, 3]


WRITTEN_DOWN = {  # before observations had parts: a weight, the sum of the first observations, the digest's beginning
    "CartPole-v1": (None, 0.12129475, 0.02003321, "0f56d76e6b5b"),
    "FrozenLake-v1": (None, 0.13728374, 2.0, "baf57b5a75cb"),
    "a grid": (Box(0, 1, (10, 10, 4), bool), 0.17473780, 107355, "0ceaf6fe4b13"),
    "a picture": (Box(0, 255, (84, 84, 3), np.uint8), -0.22919236, 1795527, "1764b0fe8b4e"),
    "a stack": (Box(0, 255, (4, 84, 84), np.uint8), -0.22919236, 7210388, "aff725b4e059"),
    "bytes": (Box(0, 255, (128,), np.uint8), 0.06817269, 125.294136, "f50ca4103d1f"),
}


@pytest.mark.parametrize("name", WRITTEN_DOWN)
def test_networks_of_spaces_that_always_worked_are_as_they_were(name, register):
    space, weight, seen, digest = WRITTEN_DOWN[name]
    game = GymGame(name) if space is None else register(Shows, space=space)
    settings, _ = resolve(game, "ppo", {}, None)
    learner = PPO(game, dataclasses.replace(settings, n_envs=2), 1, [], threads=1)
    assert next(iter(learner.network.parameters())).flatten()[0].item() == pytest.approx(weight, rel=1e-4)
    assert learner.collector.observation().float().sum().item() == pytest.approx(seen, rel=1e-4)
    assert game.digest.startswith(digest)


def test_final_observations_of_dicts_are_kept(register):
    settings, _ = resolve(register(), "ppo", {}, None)
    arena = GymArena(register(), 2, 1, settings)
    for _ in range(8):
        last = arena.view.newest().copy()
        _, end = arena.step(np.zeros(2, np.int64))
    assert end.all() and (arena.view.final(np.arange(2)) != last).any() and arena.asked().all()


def test_settings_of_codes_are_refused_where_there_are_none_to_read(register):
    game = register(Shows, space=Box(0, 255, (36, 36, 3), np.uint8))
    settings = PPOSettings(observation="pixels", network="tiny", size=36, codes=4)
    with pytest.raises(UserError, match="codes=4 reads the bytes of planes"):
        build_network(game, settings)
