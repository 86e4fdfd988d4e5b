"""Masks of environments that are not ours are used: in acting, learning, evaluation, films and export."""

from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.algorithms import dqn
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.algorithms.pqn import PQN, PQNSettings
from agents.bridges.gym import game as gym_game
from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.action_masks import ActionMasks
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.evaluation import evaluate, observations, record_video
from agents.bridges.gym.game import GymGame
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.play.seats import Participant
from games.engine.batch import OUT_OF_TIME, RANDOM
from games.errors import UserError

VECTOR = {"observation": "objects", "network": "mlp", "hidden": 16, "stack": 1, "precision": "fp32", "n_envs": 2}
LEARNERS = {
    "ppo": (PPO, PPOSettings, {"n_steps": 8, "batch_size": 16}),
    "pqn": (PQN, PQNSettings, {"n_steps": 8, "batch_size": 16}),
    "dqn": (
        DQN,
        DQNSettings,
        {"learning_starts": 32, "batch_size": 16, "gradient_steps": 1, "buffer_size": 500, "train_freq": 2},
    ),
}
VIEW = SimpleNamespace(observation="objects", size=30, stack=1, delay=0)
FORMS = {  # of the same mask
    "int8": lambda mask: mask,
    "bool": lambda mask: mask.astype(bool),
    "list": lambda mask: mask.tolist(),
    "float": lambda mask: mask.astype(np.float32),
    "row": lambda mask: mask[None],
}


class Barred(gymnasium.Env):
    """Raises at an action that its mask bars, as board games do; cut after `limit` decisions. What it shows is the mask.

    where: of the mask: "info", "dict" (an observation's entry) or "method". silent: decisions of an episode without a mask.
    """

    action_space = spaces.Discrete(4, start=2)

    def __init__(self, where="info", form="int8", limit=5, silent=(), render_mode=None):
        self.where, self.form, self.limit, self.silent, self.render_mode = where, form, limit, silent, render_mode
        self.metadata = {"render_modes": ["rgb_array"]}
        numbers = spaces.Box(0, 1, (4,), np.float32)
        self.observation_space = numbers
        if where == "dict":
            self.observation_space = spaces.Dict({"observation": numbers, "action_mask": spaces.Box(0, 1, (4,), np.int8)})
        if where == "method":
            self.action_masks = lambda: self.mask.astype(bool)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._shown()

    def step(self, action):
        assert self.action_space.contains(action)
        if not self.mask[action - 2]:
            raise ValueError(f"{action} is not allowed")
        self.count += 1
        return (*self._both(1.0, False, self.count == self.limit),)

    def _both(self, *outcome):
        observation, info = self._shown()
        return observation, *outcome, info

    def _shown(self):
        self.mask = np.zeros(4, np.int8)
        self.mask[self.np_random.integers(4)] = 1
        seen, info = self.mask.astype(np.float32), {}
        if self.count in self.silent:
            self.mask[:] = 1
        elif self.where == "info":
            info["action_mask"] = FORMS[self.form](self.mask)
        return ({"observation": seen, "action_mask": self.mask} if self.where == "dict" else seen), info

    def render(self):
        return np.zeros((8, 8, 3), np.uint8)


class BarredVector(gymnasium.vector.VectorEnv):
    """Several of these that go on by a mode of their own."""

    def __init__(self, num_envs, mode, **options):
        self.metadata = {"autoreset_mode": mode}
        self.inner = gymnasium.vector.SyncVectorEnv([lambda: Barred(**options)] * num_envs, autoreset_mode=mode)
        self.num_envs, self.single_action_space = num_envs, self.inner.single_action_space
        self.single_observation_space = self.inner.single_observation_space
        self.reset, self.step = self.inner.reset, self.inner.step


@pytest.fixture(autouse=True)
def brief_iterations(monkeypatch):
    """DQN tells of every few decisions."""
    monkeypatch.setattr(dqn, "MIN_DECISIONS", 64)


@pytest.fixture
def register():
    """`register(where=…, form=…, vector=mode)`: a Barred, or another `kind`, as a game; forgotten after the test."""
    made = []

    def call(vector=None, kind=Barred, **options):
        name = f"Barred{len(made)}-v0"
        entry = None if vector is None else (lambda num_envs, **kw: BarredVector(num_envs, vector, **kw))
        gymnasium.register(name, entry_point=lambda **kw: kind(**kw), vector_entry_point=entry, kwargs=options)
        made.append(name)
        return GymGame(name)

    yield call
    for name in made:
        del gymnasium.registry[name]


def learner_of(game, algorithm, **changes):
    kind, settings, own = LEARNERS[algorithm]
    return kind(game, settings(**{**VECTOR, **own, **changes}), 1, [], threads=1)


def reader_of(action_space, observation_space=None):
    actions = ActionAdapter("gym:X", action_space)
    space = observation_space or spaces.Box(0, 1, (2,))
    return ActionMasks("gym:X", actions, ObservationAdapter("gym:X", space, actions.num_actions))


# --- where masks are used ---------------------------------------------------------------------------------------------

WAYS = [
    *({"form": form} for form in FORMS), {"where": "dict"}, {"where": "method"}, *({"vector": mode} for mode in AutoresetMode),
]  # fmt: skip


@pytest.mark.parametrize("algorithm", LEARNERS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_action_that_an_environment_bars_is_never_played(register, way, algorithm):
    game = register(**way)
    learner = learner_of(game, algorithm)
    for _ in range(4):
        learner.iterate(lambda: 0.0)  # DQN: every action is a random one
    agent = Participant("agent", agent=learner.agent())
    for participant in (agent, Participant("random", bot=RANDOM)):
        assert evaluate(game, participant, 3, 1).returns.tolist() == [[5.0]] * 3
        assert len(record_video(game, participant, 1, 60.0)[0]) > 1
    assert len(list(observations(game, learner.agent(), 3, 12))) == 12


@pytest.mark.parametrize("mode", [None, *AutoresetMode])
def test_the_mask_of_an_episode_s_last_state_is_kept_apart_from_the_next_one_s_first(register, mode):
    arena = GymArena(register(vector=mode), 2, 1, VIEW)
    ends = 0
    for _ in range(40):
        view = arena.view
        shown, masks = view.observe()[:, 0], view.masks()
        assert (masks == shown).all(), "what it shows is the mask"
        _, end = arena.step(masks.argmax(1))
        if (end == OUT_OF_TIME).all():
            rows = np.arange(2)
            assert (view.final_masks(rows) == view.final(rows)[:, 0]).all()
            assert (view.final_masks(rows).sum(1) == 1).all()
            ends += 1
    assert ends >= 5


def test_a_target_of_dqn_looks_at_allowed_actions_alone(register):
    """What the replay keeps, which the targets are computed with: the mask of every state, last ones too."""
    learner = learner_of(register(), "dqn", n_step=1)
    for _ in range(12):
        learner._decide()
    replay = learner.replay
    count = int(replay.count[0])
    assert count == 12 + 2, "two episodes were cut, and their last states kept"
    assert (replay.mask[0, :count] == replay.frames[0, :count]).all()
    entry = np.arange(count - 1)
    next_entry, transitions = learner.builder._transitions(np.zeros_like(entry), entry, np.ones(len(entry), np.float32))
    assert transitions.mask is not None and (transitions.mask == replay.frames[0, next_entry]).all()


def test_a_resumed_run_begins_with_masks(register):
    arena = GymArena(register(), 2, 1, VIEW)
    arena.step(arena.view.masks().argmax(1))
    other = GymArena(arena.game, 2, 1, VIEW)
    other.restore(arena.state())
    assert (other.view.masks() == arena.view.masks()).all()
    other.step(np.zeros(2, np.int64))  # a step without decisions
    assert (other.view.final_masks(np.arange(2)) == arena.view.masks()).all()
    for _ in range(8):
        other.step(other.view.masks().argmax(1))


@pytest.mark.parametrize("where", ["info", "dict"])
@pytest.mark.parametrize("algorithm", LEARNERS)
def test_an_agent_acts_within_the_mask(register, where, algorithm):
    game = register(where=where)
    agent, env = learner_of(game, algorithm).agent(), game.make()
    observation, info = env.reset(seed=3)
    for _ in range(5):
        mask = info.get("action_mask")  # one in the observation is seen there
        assert agent.act(observation, mask) - 2 == env.unwrapped.mask.argmax()
        observation, _, _, _, info = env.step(agent.act(observation, mask))
    seen = [observation, observation]
    assert (agent.act(seen, None if mask is None else [info["action_mask"]] * 2) - 2 == env.unwrapped.mask.argmax()).all()


def test_an_exported_graph_takes_the_mask(register, tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from agents.bridges import onnx

    agent = learner_of(register(), "ppo").agent()
    assert onnx.export(agent, tmp_path / "out.onnx").same == 1.0
    session = onnxruntime.InferenceSession(str(tmp_path / "out.onnx"), providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["observation", "mask"]
    masks = np.eye(4, dtype=np.uint8)
    action = session.run(["action"], {"observation": np.ones((4, 1, 4), np.float32), "mask": masks})[0]
    assert action.tolist() == [2, 3, 4, 5], "as the environment numbers them"


def test_an_agent_knows_whether_its_environment_had_masks(register):
    assert register().digest != register(silent=range(99)).digest


def test_numbered_states_have_a_recipe_of_their_own(register):
    class Numbered(Barred):
        def __init__(self, space, **options):
            super().__init__(**options)
            self.observation_space = space

        def _shown(self):
            return self.observation_space.sample(), super()._shown()[1]

    two = spaces.Tuple([spaces.Discrete(3), spaces.Discrete(5)])
    for space in (spaces.Discrete(9), two, spaces.MultiDiscrete([3, 4]), spaces.Dict(a=spaces.Discrete(2))):
        assert register(kind=Numbered, space=space).recipe is gym_game.RECIPES["table"]
    assert register().recipe is gym_game.RECIPES["vector"]


# --- masks as they come -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_where_an_environment_gives_no_mask_everything_is_allowed(register, algorithm):
    game = register(silent=(1, 3))
    learner = learner_of(game, algorithm)
    for _ in range(3):
        learner.iterate(lambda: 0.0)
    assert evaluate(game, Participant("agent", agent=learner.agent()), 3, 1).returns.tolist() == [[5.0]] * 3
    arena = GymArena(game, 2, 1, VIEW)
    arena.step(arena.view.masks().argmax(1))
    assert arena.view.masks().tolist() == [[1] * 4] * 2


def test_an_environment_without_masks_is_played_as_ever(register):
    game = register(silent=range(99))
    assert not game.has_legal
    assert not GymArena(game, 2, 1, VIEW).masked
    assert evaluate(game, Participant("random", bot=RANDOM), 3, 1).returns.tolist() == [[5.0]] * 3


def test_a_mask_that_allows_nothing_allows_everything():
    assert reader_of(spaces.Discrete(3)).converted([[0, 0, 0], [0, 1, 0]]).tolist() == [[1, 1, 1], [0, 1, 0]]


def test_forms_of_masks_are_the_same_mask():
    reader = reader_of(spaces.Discrete(3))
    for mask in ([1, 0, 1], (True, False, True), np.array([1, 0, 1]), np.array([[1, 0, 1]], bool), np.array([1.0, 0.0, 1.0])):
        assert reader.converted([mask, None]).tolist() == [[1, 0, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    "mask", [[1, 0], np.ones(4, np.int8), [2, 0, 1], [-np.inf, 0, 0], "101", {"a": 1}, [[1, 0], [1]], np.nan],
    ids=["short", "long", "two", "infinite", "text", "dict", "ragged", "no number"],
)  # fmt: skip
def test_a_mask_that_does_not_fit_is_told_in_words(mask):
    with pytest.raises(UserError, match="does not fit its 3 actions") as error:
        reader_of(spaces.Discrete(3)).converted([mask, [1, 1, 1]])
    assert len(str(error.value).splitlines()) <= 3


def test_a_mask_that_does_not_fit_is_told_before_training(register):
    class Short(Barred):
        def reset(self, seed=None, options=None):
            observation, info = super().reset(seed=seed)
            return observation, {"action_mask": info["action_mask"][:3]}

    with pytest.raises(UserError, match=r"info\['action_mask'\] does not fit its 4 actions"):
        register(kind=Short)


def test_masks_of_each_part_of_an_action_are_those_of_the_combinations():
    space = spaces.MultiDiscrete([2, 3])
    parts = (np.array([0, 1], np.int8), np.array([1, 0, 1], np.int8))
    expected = [0, 0, 0, 1, 0, 1]
    for mask in (parts, np.concatenate(parts), np.outer(*parts), np.array(expected)):
        assert reader_of(space).converted([mask]).tolist() == [expected]
    actions = ActionAdapter("gym:X", space)
    assert [actions.to_env(action).tolist() for action in np.flatnonzero(expected)] == [[1, 0], [1, 2]]
