"""Stable-Baselines3 from our command line: it trains in our games, and what it saves takes a seat once it is trusted."""

import base64
import inspect
import io
import json
import os
import pickle
import signal
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from gymnasium import spaces

import games
import play
import train
from agents import participants
from agents.bridges.sb3 import agent
from agents.bridges.sb3.environment import SparringVecEnv
from agents.core.settings import AgentSettings
from agents.play.agent import build_network
from agents.training import config as configs
from agents.training.sb3 import settings
from agents.training.sb3.learner import Sb3Learner, environments
from agents.training.sb3.networks import optimizer_settings, policy_settings
from games.engine.batch import EXTERNAL, Batch
from games.errors import UserError
from ui.match import Match
from ui.seating import seat_of

BOARD = Path(__file__).parents[2] / "toys" / "passes.py"
SMALL = [
    *("--trainer", "sb3", "--set", "size=12", "--set", "hidden=16", "--set", "threads=1", "--seed", "3"),
    *("--set", "eval_games=2", "--set", "final_games=3", "--set", "gif=false"),
]  # fmt: skip
ROLLOUTS = ["--envs", "16", "--set", "n_steps=16", "--set", "batch_size=128", "--steps", "512"]
REPLAY = ["--envs", "16", "--set", "n_step=1", "--set", "buffer_size=2000", "--set", "learning_starts=200", "--steps", "600"]
OBJECTS = ["--observation", "objects", "--set", "stack=1"]
WORDS = {  # learner → what makes one
    "PPO": ["pong", *SMALL, *ROLLOUTS, "--steps", "4096"],
    "DQN": ["pong", *SMALL, *REPLAY, "--algo", "dqn", "--set", "delay=6"],
    "RecurrentPPO": ["pong", *SMALL, *ROLLOUTS, *OBJECTS, "--memory", "lstm", "--set", "memory_size=16"],
    "MaskablePPO": [str(BOARD), *SMALL, *ROLLOUTS, *OBJECTS],
}
CLASSES = {name: settings.learner_class(name) for name in WORDS}


def call(program, *words):
    """Exit code, standard output and standard error of train.py or play.py, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program.__name__, *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = program.main()
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`trained("PPO")`: the folder of a run of that learner and its results."""
    home, made = tmp_path_factory.mktemp("runs"), {}

    def get(name):
        if name not in made:
            code, out, err = call(train, *WORDS[name], "--runs", home, "--name", name, "--json")
            assert (code, err) == (0, "")
            final = json.loads(out)
            made[name] = Path(final["agent"]).parent, final
        return made[name]

    return get


# --- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORDS)
def test_each_learner_leaves_a_run_whose_agent_plays(trained, name):
    folder, final = trained(name)
    game = WORDS[name][0]
    here = {path.name for path in folder.iterdir()}
    assert {"config.json", "command.txt", "system.json", "progress.jsonl", "results.json", "agent.zip", "checkpoints"} <= here
    assert any(file.startswith("events.out.tfevents") for file in here)
    assert json.loads((folder / "config.json").read_text())["trainer"] == "sb3"
    assert final == json.loads((folder / "results.json").read_text())
    assert final["evaluation"]["games"] == 3
    assert final["evaluations"] == len(list((folder / "checkpoints").glob("step-*.zip"))) >= 1
    assert final["steps"] >= 512
    CLASSES[name].load(folder / "agent.zip")  # Stable-Baselines3 itself takes it
    code, out, err = call(play, game, folder, "bot", "--headless", "--games", 3, "--json", "--trust-pickle")
    assert (code, err) == (0, "")
    assert json.loads(out)["games"] == 3


def test_tensorboard_has_the_learners_own_tags(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _ = trained("PPO")
    events = EventAccumulator(str(folder))
    events.Reload()
    expected = {"rollout/ep_rew_mean", "time/fps", "train/approx_kl", "train/explained_variance", "train/loss", "eval/win_rate"}
    assert expected <= set(events.Tags()["scalars"])


def test_weights_are_those_of_its_own_learn(tmp_path):
    """Evaluations in between and a `learn` for each iteration change nothing."""
    words = ["pong", "--trainer", "sb3", "--preset", "sb3", *SMALL, *ROLLOUTS, "--network", "patch", "--set", "eval_every=256"]
    code, _, err = call(train, *words, "--set", "stack=2", "--runs", tmp_path, "--name", "own", "--quiet")
    assert (code, err) == (0, "")
    ours, steps = agent.weights_of(tmp_path / "pong" / "own" / "checkpoints" / "step-0000000512.zip", "cpu")
    assert steps == 512
    network = policy_settings(AgentSettings(network="patch", hidden=16))
    envs = SparringVecEnv("pong", 16, seat="any", size=12, stack=2)
    model = stable_baselines3.PPO(
        "CnnPolicy", envs, n_steps=16, batch_size=128, policy_kwargs=network, seed=3, device="cpu"
    )  # fmt: skip
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    model.learn(512)
    for name, theirs in model.policy.state_dict().items():
        assert (ours[name] == theirs).all(), name
        assert (before[name] != theirs).any(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_keeps_its_agent_and_says_that_it_cannot_go_on(tmp_path, monkeypatch, number):
    weights, iterate = [], Sb3Learner.iterate

    def stopped(learner, progress):
        weights.append(learner.weights())
        iterate(learner, progress)
        if len(weights) == 2:
            os.kill(os.getpid(), number)
        return {}

    monkeypatch.setattr(Sb3Learner, "iterate", stopped)
    code, _, err = call(train, *WORDS["PPO"], "--steps", 100_000, "--runs", tmp_path, "--name", "stopped", "--quiet")
    assert code == 128 + number
    folder = tmp_path / "pong" / "stopped"
    assert f"The agent so far: {folder / 'agent.zip'}" in err
    assert "cannot be gone on with" in err
    saved, steps = agent.weights_of(folder / "agent.zip", "cpu")
    assert steps == 256, "the iteration that was interrupted does not count"
    assert all((saved[name] == tensor).all() for name, tensor in weights[1].items())
    code, _, err = call(train, "--resume", folder)
    assert code == 2
    assert "cannot be gone on with" in err


# --- settings -------------------------------------------------------------------------------------------------------


NOT_OURS = {  # arguments that no setting of ours is for
    "policy", "env", "policy_kwargs", "seed", "device", "tensorboard_log", "verbose", "stats_window_size", "use_sde",
    "sde_sample_freq", "rollout_buffer_class", "rollout_buffer_kwargs", "replay_buffer_class", "replay_buffer_kwargs",
    "optimize_memory_usage", "_init_setup_model",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "algorithm", "memory"),
    [("PPO", "ppo", "none"), ("MaskablePPO", "ppo", "none"), ("RecurrentPPO", "ppo", "lstm"), ("DQN", "dqn", "none")],
)
def test_every_setting_is_an_argument_and_the_preset_its_default(name, algorithm, memory):
    pong = games.load("pong")
    chosen = {"memory": memory}
    ours, _ = configs.resolve(pong, algorithm, chosen, "sb3")
    settings.fit(pong, algorithm, ours, chosen, "sb3")
    defaults = {key: one.default for key, one in inspect.signature(CLASSES[name]).parameters.items()}
    given = {"learning_rate": ours.learning_rate, **settings.arguments(algorithm, ours)}
    assert given.keys() == defaults.keys() - NOT_OURS
    for argument, value in given.items():
        assert value == defaults[argument], argument
    assert (ours.schedule, ours.optimizer, ours.network, ours.precision) == ("constant", "adam", "nature", "fp32")
    kind = "CnnLstmPolicy" if memory == "lstm" else "CnnPolicy"
    smaller = {"buffer_size": 10} if name == "DQN" else {"n_steps": 2, "batch_size": 2}
    plain = CLASSES[name](kind, SparringVecEnv(pong, 1, size=36), device="cpu", **smaller).policy.optimizer
    own = optimizer_settings(ours)
    chosen = own["optimizer_class"]([torch.zeros(1)], lr=plain.defaults["lr"], **own["optimizer_kwargs"])
    assert (type(chosen), chosen.defaults) == (type(plain), plain.defaults)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_every_setting_is_passed_on_or_known_to_have_one_way(algorithm):
    """None is silently dropped: what is in no table is refused when it is chosen."""
    pong, (_, kind, _) = games.load("pong"), configs.ALGORITHMS[algorithm]
    for name, default in {**vars(kind()), **vars(configs.RunSettings())}.items():
        ours = kind()
        if name in settings.ARGUMENTS[algorithm] or name in settings.ELSEWHERE:
            continue
        if name not in settings.ONE_WAY:
            with pytest.raises(UserError, match=f"has no setting '{name}'"):
                settings.fit(pong, algorithm, ours, {name: default})
        elif default != settings.ONE_WAY[name]:
            with pytest.raises(UserError, match=f"no counterpart for {name}="):
                settings.fit(pong, algorithm, ours, {name: default})
        else:
            settings.fit(pong, algorithm, ours, {name: default})
            assert getattr(ours, name) == settings.ONE_WAY[name]


def test_what_a_recipe_wants_and_it_lacks_is_not_claimed():
    """config.json says what was done."""
    pong, recipe = games.load("pong"), {"temperature": 0.5, "normalize_value": True, "precision": "bf16", "augment": "shift"}
    ours, _ = configs.resolve(pong, "ppo", recipe, None)
    settings.fit(pong, "ppo", ours, {})
    assert (ours.temperature, ours.normalize_value, ours.precision, ours.augment) == (0.0, False, "fp32", "none")
    theirs = configs.ALGORITHMS["dqn"][1](double=True, dueling=True, prioritized=True)
    settings.fit(pong, "dqn", theirs, {})
    assert (theirs.double, theirs.dueling, theirs.prioritized) == (False, False, False)


@pytest.mark.parametrize("network", ["patch", "small", "nature", "mlp"])
@pytest.mark.parametrize("name", ["PPO", "RecurrentPPO", "DQN"])
def test_its_networks_are_as_large_as_ours(network, name):
    pong, observation = games.load("pong"), "objects" if network == "mlp" else "pixels"
    memory = "lstm" if name == "RecurrentPPO" else "none"
    ours = AgentSettings(network=network, observation=observation, size=36, memory=memory, dueling=False)
    envs = SparringVecEnv(pong, 1, observation=observation, size=36, stack=2)
    kind = f"{'Mlp' if network == 'mlp' else 'Cnn'}{'Lstm' if memory == 'lstm' else ''}Policy"
    smaller = {"buffer_size": 10} if name == "DQN" else {"n_steps": 2, "batch_size": 2}
    policy = CLASSES[name](kind, envs, policy_kwargs=policy_settings(ours), device="cpu", **smaller).policy
    theirs = policy.q_net if name == "DQN" else policy
    mine = build_network(pong, ours, "dqn" if name == "DQN" else "ppo")
    assert sum(one.numel() for one in theirs.parameters()) == sum(one.numel() for one in mine.parameters())


def test_optimisers_have_the_settings_of_ours():
    from agents.algorithms.optimizer import make_optimizer

    for name in ("adam", "adamw", "rmsprop", "sgd", "adagrad"):
        ours, _ = configs.resolve(
            games.load("pong"), "ppo", {"optimizer": name, "weight_decay": 0.01, "momentum": 0.5 * (name == "sgd")}, None
        )
        weights = [{"params": list(build_network(games.load("pong"), ours).parameters())}]
        mine = make_optimizer(weights, ours, torch.device("cpu"))
        kwargs = optimizer_settings(ours)
        theirs = kwargs["optimizer_class"](weights, lr=ours.learning_rate, **kwargs["optimizer_kwargs"])
        assert isinstance(mine, type(theirs))
        same = [{k: v for k, v in one.defaults.items() if k not in ("fused", "foreach")} for one in (mine, theirs)]
        assert same[0] == same[1]


def test_several_bots_share_the_environments_and_meet_both_seats():
    pong = games.load("pong")
    ours, run = configs.resolve(pong, "ppo", {"n_envs": 12}, None)
    names = ["bot:0.1", "random"]
    config = configs.Config("pong", pong.version, None, "ppo", 1, None, names, [None] * 2, "cpu", run=run, learner=ours)
    envs = environments(pong, config, 1)
    met = {(int(np.argmax(row != EXTERNAL)), float(row[row != EXTERNAL][0])) for row in envs.batch.bots}
    assert met == {(seat, value) for seat in (0, 1) for value in (0.1, -1.0)}


def test_rewards_are_scaled_and_returns_are_not():
    one, ten = (SparringVecEnv(BOARD, 8, observation="objects", stack=1, reward_scale=scale) for scale in (1.0, 10.0))
    ended = 0
    for envs in (one, ten):
        envs.seed(1)
        envs.reset()
    for _ in range(30):
        actions = one.action_masks().argmax(1)
        (_, small, dones, infos), (_, large, _, others) = one.step(actions), ten.step(actions)
        assert (large == 10 * small).all()
        for row in np.flatnonzero(dones):
            ended += int(small[row] != 0)
            assert infos[row]["episode"]["r"] == others[row]["episode"]["r"]
    assert ended > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pong", "--algo", "dqn", "--memory", "lstm"], "has no DQN with a memory"),
        ([BOARD, "--memory", "lstm"], "no PPO with both masks and a memory"),
        ([BOARD, "--algo", "dqn"], "DQN knows no masks"),
        (["pong", "--network", "impala"], "The impala network is not built for"),
        (["pong", "--network", "mobile"], "Choose --network patch or small or nature or mlp"),
        (["pong", "--opponent", "self"], "has no self-play"),
        (["pong", "--opponent", "bot", "--opponent", "x.safetensors"], "with that opponent alone"),
        ([BOARD, "--opponent", "x.safetensors"], "Use --envs 1, or a bot"),
        (["pong", "--init-from", "agents/zoo/pong/ppo.safetensors"], "leave out --init-from"),
        (["pong", "--freeze", "encoder"], "leave out --freeze"),
        (["pong", "--set", "temperature=0.5"], "no counterpart for temperature=0.5: there it is always 0.0"),
        (["pong", "--set", "augment=shift"], "no counterpart for augment=shift: there it is always none"),
        (["pong", "--set", "checkpoint_every=100"], "has no setting 'checkpoint_every'"),
        (["pong", "--algo", "dqn", "--set", "double=true"], "no counterpart for double=true: there it is always false"),
        (["pong", "--observation", "planes", "--set", "size=12", "--set", "patch=6"], "14 channels are more than 12 pixels"),
        (["pong", "--envs", "1", "--set", "n_steps=1"], "two decisions at least"),
        (["pong", "--trainer", "sb4"], "Did you mean 'sb3'"),
        (["gym:CartPole-v1"], "trains there without us"),
    ],
    ids=lambda value: "_".join(Path(str(word)).name for word in value) if isinstance(value, list) else "",
)
def test_what_it_lacks_is_refused_in_words(tmp_path, words, says):
    trainer = [] if "--trainer" in words else ["--trainer", "sb3"]
    code, out, err = call(train, *words, *trainer, "--steps", 1000, "--runs", tmp_path)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) <= 3
    assert not list(tmp_path.iterdir())


def test_without_sb3_contrib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(UserError, match="pip install sb3-contrib"):
        settings.learner_class("RecurrentPPO")
    assert settings.learner_class("PPO") is stable_baselines3.PPO


# --- in a seat ------------------------------------------------------------------------------------------------------


class Told:
    """Its own `predict` on what the environments of Stable-Baselines3's kind show, as its users call it."""

    def __init__(self, name, model, envs):
        self.name, self.model, self.envs = name, model, envs
        self.seen, self.state, self.begins = envs.reset(), None, np.ones(envs.num_envs, bool)

    def act(self):
        masks = {"action_masks": self.envs.action_masks()} if self.name == "MaskablePPO" else {}
        chosen, self.state = self.model.predict(self.seen, self.state, self.begins, deterministic=True, **masks)
        return chosen

    def step(self, chosen):
        self.seen, _, self.begins, _ = self.envs.step(chosen)


@pytest.fixture(scope="module")
def lively(trained, tmp_path_factory):
    """`lively("PPO")`: such a run, its agent changed so that its choice hangs on what it sees and remembers."""
    made = {}

    def get(name):
        if name not in made:
            folder = made[name] = tmp_path_factory.mktemp("lively")
            (folder / "config.json").write_bytes((trained(name)[0] / "config.json").read_bytes())
            model = CLASSES[name].load(trained(name)[0] / "agent.zip", device="cpu")
            enliven(model, Told(name, model, same_view(WORDS[name][0], read(folder), seat=0)))
            model.save(folder / "agent.zip")
        return made[name]

    return get


def enliven(model, told):
    """Random last weights, and biases in which each action is as likely as the others over some random play."""
    last = model.q_net.q_net[-1] if told.name == "DQN" else model.policy.action_net
    inputs, chance = [], np.random.default_rng(1)
    with torch.no_grad():
        for weight in getattr(model.policy, "lstm_actor", torch.nn.Identity()).parameters():
            weight.mul_(3.0)
        last.weight.copy_(torch.from_numpy(chance.standard_normal(last.weight.shape)))
        hook = last.register_forward_pre_hook(lambda layer, given: inputs.append(given[0]))
        for _ in range(100):
            told.act()
            told.step(np.array([chance.choice(np.flatnonzero(mask)) for mask in told.envs.action_masks()]))
        hook.remove()
        last.bias.copy_(-last.weight @ torch.cat(inputs).mean(0))


def read(folder):
    return configs.read_config(folder).learner


def same_view(game, shown, seat):
    """Environments of Stable-Baselines3's kind that show what an agent with these settings sees."""
    envs = SparringVecEnv(
        game, 6, seat=seat, observation=shown.observation, size=shown.size, stack=shown.stack, delay=shown.delay
    )
    envs.seed(5)
    return envs


@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize("name", WORDS)
def test_a_seated_agent_does_what_predict_does(lively, name, seat):
    """What it sees, mirrored or not, its masks, its delay, and its memory where episodes begin."""
    folder = lively(name)
    game = games.load(WORDS[name][0])
    one = participants.participant(str(folder), game, trusted={}).agent
    envs = same_view(game, read(folder), seat)
    told = Told(name, CLASSES[name].load(folder / "agent.zip", device="cpu"), envs)
    batch = Batch(game, 6, 5, bots=[EXTERNAL, 0.5][:: 1 - 2 * seat])
    player = one.player(batch, [(env, seat) for env in range(6)])
    batch.reset()
    actions, ends, met = np.zeros((6, 2), np.int64), 0, set()
    for _ in range(220):
        chosen = told.act()
        player.act(actions)
        assert (actions[:, seat] == envs.view.to_world(chosen)).all()
        met |= set(chosen.tolist())
        told.step(chosen)
        batch.step(actions)
        assert (batch.states == envs.batch.states).all()
        ends += int(told.begins.sum())
    assert ends > 3
    assert len(met) > 1


def test_the_memory_of_a_seat_is_empty_where_an_episode_begins(lively):
    pong, path = games.load("pong"), lively("RecurrentPPO")
    one = participants.participant(str(path), pong, trusted={}).agent
    model = sb3_contrib.RecurrentPPO.load(path / "agent.zip", device="cpu")
    batch = Batch(pong, 4, 5, bots=[EXTERNAL, 0.5])
    player = one.player(batch, [(env, 0) for env in range(4)])
    batch.reset()
    actions, first, carried = np.zeros((4, 2), np.int64), 0, 0
    for _ in range(400):
        begins = batch.end != 0
        before = player.memory.states.clone()
        player.act(actions)
        seen = player.view.newest().reshape(4, -1)
        for row in np.flatnonzero(begins):
            alone, _ = model.predict(seen[row], None, np.array([True]), deterministic=True)
            leaked, _ = one.decide(player.view.newest()[[row]], None, before[[row]])
            assert actions[row, 0] == alone
            first, carried = first + 1, carried + int(leaked[0] != alone)
        batch.step(actions)
    assert first > 5
    assert carried > 0, "what it remembered would have made a difference"


def test_a_seat_never_tries_what_its_masks_forbid(lively):
    game = games.load(BOARD)
    one = participants.participant(str(lively("MaskablePPO")), game, trusted={}).agent
    batch = Batch(game, 8, 5, bots=[EXTERNAL, 0.5])
    player = one.player(batch, [(env, 0) for env in range(8)])
    batch.reset()
    actions, barred = np.zeros((8, 2), np.int64), 0
    for _ in range(60):
        asked, masks = batch.asked[:, 0] == 1, player.view.masks()
        player.act(actions)
        assert masks[asked, actions[asked, 0]].all()
        free, _ = one.decide(player.view.newest()[asked], np.ones_like(masks[asked]))
        barred += int((masks[asked, free] == 0).sum())
        batch.step(actions)
    assert barred > 0, "unmasked, it would have"


def test_in_the_window_it_sits_with_its_delay(trained):
    folder, _ = trained("DQN")
    pong = games.load("pong")
    seat = seat_of(str(folder), pong, {})
    board = Match(pong, [seat, seat_of("bot", pong)], 1).boards[0]
    assert board.batch.delay.tolist() == [[6, 0]]
    for _ in range(30):
        board.tick()
    assert board.batch.slots["decisions"][0, 0] == 8, "one each four ticks"


# --- files that are not trusted -------------------------------------------------------------------------------------


class Hostile:
    """What unpickles as the making of a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.fixture
def hostile(tmp_path):
    """A file as Stable-Baselines3 writes them with code in it, in a run's folder; and what the code would make."""
    canary, folder = tmp_path / "canary", tmp_path / "run"
    folder.mkdir()
    code = base64.b64encode(pickle.dumps(Hostile(canary))).decode()
    with zipfile.ZipFile(folder / "agent.zip", "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":type:": "type", ":serialized:": code}}))
    return folder, canary


@pytest.mark.parametrize("what", ["", "agent.zip"], ids=["folder", "file"])
def test_a_hostile_file_is_not_opened_unless_it_is_trusted(hostile, what):
    folder, canary = hostile
    words = ["pong", folder / what, "bot", "--headless", "--games", 1]
    code, out, err = call(play, *words)
    assert (code, out) == (2, "")
    assert not canary.exists()
    assert "opening it runs whatever code is in it" in err
    assert "--trust-pickle" in err
    code, _, err = call(play, *words, "--trust-pickle")
    assert code == 2
    assert "was not saved by Stable-Baselines3" in err
    assert canary.exists(), "the danger is real"


def test_a_hostile_file_is_no_opponent(hostile, tmp_path):
    folder, canary = hostile
    for trainer in ("sparring", "sb3"):
        code, _, err = call(
            train, "pong", "--trainer", trainer, "--opponent", folder, "--steps", 100, "--runs", tmp_path / "runs"
        )
        assert code == 2
        assert "cannot be a training opponent" in err
    with pytest.raises(UserError, match="runs whatever code is in it"):
        SparringVecEnv("pong", 1, opponent=str(folder / "agent.zip"))
    assert not canary.exists()


def test_the_best_at_hand_is_never_such_a_file(trained, tmp_path, monkeypatch):
    folder, _ = trained("PPO")
    monkeypatch.setattr(participants, "ZOO", tmp_path)
    assert participants.best_at_hand(games.load("pong"), folder.parent.parent) == "bot"


def test_trust_without_such_a_file_is_a_mistake():
    for words, says in ((["--trust-pickle"], "leave out --trust-pickle"), (["--set", "size=12"], "leave out --set")):
        code, _, err = call(play, "pong", "bot", "bot", "--headless", *words)
        assert code == 2
        assert says in err


# --- bare files -----------------------------------------------------------------------------------------------------


def images(channels, size=21):
    return spaces.Box(0, 255, (channels, size, size), np.uint8)


@pytest.mark.parametrize(
    ("space", "told", "expected"),
    [
        (images(4, 84), {}, ("pixels", 84, 4)),
        (images(2), {"delay": "6"}, ("pixels", 21, 2)),
        (images(21), {}, ("planes", 21, 3)),
        (images(14), {"observation": "planes"}, ("planes", 21, 2)),
        (images(14), {"stack": "14"}, ("pixels", 21, 14)),
    ],
)
def test_what_a_bare_file_sees_is_told_by_its_space(space, told, expected):
    found = agent.seen_by(Path("x.zip"), space, games.load("pong"), told)
    assert (found.observation, found.size, found.stack) == expected
    assert found.delay == int(told.get("delay", 0))


def test_objects_of_a_bare_file_are_counted():
    pong = games.load("pong")
    numbers = SparringVecEnv(pong, 1, observation="objects", stack=3).observation_space
    found = agent.seen_by(Path("x.zip"), numbers, pong, {})
    assert (found.observation, found.stack) == ("objects", 3)


@pytest.mark.parametrize(
    ("space", "told", "says"),
    [
        (images(14), {}, "--set observation=pixels or --set observation=planes"),
        (images(4), {"size": "30"}, "cannot see Pong as size=30"),
        (images(40), {}, "cannot see Pong: its observations are"),
        (spaces.Box(-1, 1, (5,), np.float32), {}, "cannot see Pong"),
        (images(4), {"patch": "3"}, "nothing 'patch' to say"),
        (images(4), {"delay": "99"}, "from 0 to 60"),
    ],
)
def test_what_a_bare_files_space_does_not_tell_is_asked_for(space, told, says):
    with pytest.raises(UserError, match=says):
        agent.seen_by(Path("x.zip"), space, games.load("pong"), told)


def test_a_bare_file_plays_and_one_of_a_run_does_so_as_its_config_says(trained, tmp_path):
    folder, _ = trained("DQN")
    bare = tmp_path / "bare.zip"
    bare.write_bytes((folder / "agent.zip").read_bytes())
    words = ["pong", bare, "bot", "--headless", "--games", 2, "--trust-pickle"]
    assert call(play, *words)[0] == 0
    assert participants.participant(str(bare), games.load("pong"), trusted={"delay": "6"}).agent.info.settings.delay == 6
    step = next((folder / "checkpoints").glob("step-*.zip"))
    assert participants.participant(str(step), games.load("pong"), trusted={}).agent.info.settings.delay == 6
    code, _, err = call(play, "pong", folder, "bot", "--headless", "--trust-pickle", "--set", "delay=0")
    assert code == 2
    assert "stands in the config.json beside it" in err
    code, _, err = call(play, BOARD, bare, "bot", "--headless", "--trust-pickle")
    assert code == 2
    assert "does not play Passes" in err
    code, _, err = call(play, BOARD, folder, "bot", "--headless", "--trust-pickle")
    assert code == 2
    assert "plays pong, not passes" in err
