"""A network of a user's own works wherever one that ships does, and its file runs only where a person names it."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import games
import play
from agents import export, participants
from agents.bridges import onnx
from agents.core import tensor_file
from agents.core.settings import AgentSettings
from agents.networks import custom
from agents.play.agent import Agent, build_network, describe_agent
from agents.training import config as configs
from games.errors import UserError

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "my_net.py"
SHORT = [
    *("--set", "size=12", "--set", "threads=1", "--set", "gif=false", "--set", "eval_games=2", "--set", "final_games=2"),
    *("--set", "memory_size=6", "--set", "stack=1", "--envs", "16", "--quiet"),
]  # fmt: skip
PPO = [*SHORT, "--set", "n_steps=8", "--set", "batch_size=64", "--steps", "600"]
DQN = [
    *(*SHORT, "--algo", "dqn", "--set", "batch_size=32", "--set", "learning_starts=300", "--set", "buffer_size=800"),
    *("--set", "gradient_steps=1", "--set", "sequence=4", "--set", "burn_in=2", "--steps", "1500"),
]  # fmt: skip

MLP = """from torch import nn
from agents.networks import Encoder

class Net(Encoder):
    takes = ("objects",)

    def __init__(self, shape, settings):
        super().__init__(shape, settings)
        self.layer = nn.Linear(shape[0] * shape[1], settings.hidden)
        self.features = settings.hidden

    def forward(self, x, dtype):
        return self.layer(x.flatten(1)).tanh()
"""


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    """Each test is a program that has just begun."""
    monkeypatch.setattr(custom, "LOADED", {})


@pytest.fixture
def forget(monkeypatch):
    """What was named is forgotten, as when a program ends."""
    return lambda: monkeypatch.setattr(custom, "LOADED", {})


@pytest.fixture
def my_net(tmp_path):
    """A copy of the example, which tests may edit."""
    return Path(shutil.copy(EXAMPLE, tmp_path / "my_net.py"))


def written(tmp_path, text, name="net.py"):
    (tmp_path / name).write_text(text, "utf-8")
    return tmp_path / name


def settings_of(file, **changes):
    named = custom.load(file)
    return AgentSettings(**{"network": named.name, "network_digest": named.digest, "size": 12, **changes})


def agent_file(tmp_path, file, name="agent.safetensors", **changes):
    game, settings = games.load("pong"), settings_of(file, **changes)
    Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)).save(tmp_path / name)
    return tmp_path / name


# --- it works with everything ---


@pytest.mark.parametrize(
    "words, memory",
    [
        pytest.param(PPO, "none", marks=pytest.mark.slow),
        pytest.param(PPO, "lstm"),
        pytest.param(DQN, "none"),
        pytest.param(DQN, "lstm", marks=pytest.mark.slow),
    ],
    ids=["ppo-none", "ppo-lstm", "dqn-none", "dqn-lstm"],
)
def test_it_is_trained_described_resumed_played_and_exported(
    words, memory, main, my_net, tmp_path, forget, monkeypatch, capsys
):
    code, out, err = main("pong", *words, "--network", my_net, "--memory", memory, "--describe", "--json")
    assert (code, err) == (0, "")
    assert {"encoder.look", "encoder.combine", "encoder.hidden"} <= {layer["name"] for layer in json.loads(out)["layers"]}
    assert main("pong", *words, "--network", my_net, "--memory", memory, "--name", "one")[0] == 0
    run, forgotten = tmp_path / "pong" / "one", len(custom.LOADED)
    assert forgotten == 1
    forget()
    assert main("--resume", run, "--network", my_net, "--steps", 2500, "--quiet")[0] == 0
    forget()
    monkeypatch.setattr(sys, "argv", ["play.py", "pong", str(run), "bot", "--headless", "--games", "2", "--json"])
    assert play.main() == 2
    assert "a network of somebody's own, 'my_net'.\nName its file: --network ./my_net.py" in capsys.readouterr().err
    sys.argv += ["--network", str(my_net)]
    assert play.main() == 0
    assert json.loads(capsys.readouterr().out)["games"] == 2
    forget()
    monkeypatch.setattr(onnx, "GAMES", 4)
    monkeypatch.setattr(onnx, "DECISIONS", 30)
    monkeypatch.setattr(onnx, "TIMED", 2)
    arguments = [str(run), str(tmp_path / "net.onnx")]
    assert export.main(arguments) == 2
    assert "Name its file: --network" in capsys.readouterr().err
    assert export.main([*arguments, "--network", str(my_net)]) == 0
    assert "100.00% of choices the same" in capsys.readouterr().out


def test_from_python_it_is_named_once_and_acts_as_it_was_saved(my_net, tmp_path, forget):
    path = agent_file(tmp_path, my_net)
    first = Agent.load(path)
    forget()
    with pytest.raises(UserError, match="network of somebody's own"):
        Agent.load(path)
    again = Agent.load(path, network=my_net)
    assert Agent.load(path).info == again.info == first.info
    seen = np.random.default_rng(0).integers(0, 256, (20, 2, 12, 12), np.uint8)
    for one, other in zip(first.evaluate(seen), again.evaluate(seen), strict=True):
        assert (one == other).all() and one.std() > 0


def test_it_reads_objects_where_it_says_so(main, tmp_path):
    file = written(tmp_path, MLP)
    assert main("pong", *PPO, "--network", file, "--observation", "objects", "--name", "numbers")[0] == 0
    assert Agent.load(tmp_path / "pong" / "numbers" / "agent.safetensors").network.encoder.stored == (1, 18)


def test_layers_may_be_called_normal_and_have_two_names(main, tmp_path):
    text = MLP.replace("self.features =", "self.normal = nn.LayerNorm(settings.hidden)\n        self.features =")
    text = text.replace("self.features =", "self.body = nn.Sequential(self.layer, nn.Tanh())\n        self.features =")
    text = text.replace("self.layer(x.flatten(1)).tanh()", "self.normal(self.body(x.flatten(1)))")
    file = written(tmp_path, text)
    assert main("pong", *PPO, "--network", file, "--observation", "objects", "--name", "named")[0] == 0
    weights = Agent.load(tmp_path / "pong" / "named" / "agent.safetensors").network.state_dict()
    assert torch.equal(weights["encoder.layer.weight"], weights["encoder.body.0.weight"])


def test_what_only_one_network_normalises_is_said(main, tmp_path):
    words = ["--network", written(tmp_path, MLP), "--observation", "objects", "--set", "normalize_observation=true"]
    code, _, error = main("pong", *PPO, *words)
    assert code == 2
    assert "normalize_observation is for the mlp network; yours may normalise what it sees itself." in error


def test_it_is_an_opponent_too_beside_another_network(main, my_net, tmp_path, forget):
    rival = agent_file(tmp_path, my_net, "rival.safetensors")
    forget()
    words = ["pong", *PPO, "--opponent", rival, "--network", "patch"]
    code, _, err = main(*words)
    assert code == 2
    assert f"{rival} has a network of somebody's own" in err
    assert main(*words, "--network", my_net, "--name", "met")[0] == 0
    run = tmp_path / "pong" / "met"
    assert json.loads((run / "config.json").read_text())["learner"]["network_digest"] == ""
    forget()
    assert main("--resume", run, "--steps", 900, "--quiet")[0] == 2
    assert main("--resume", run, "--steps", 900, "--quiet", "--network", my_net)[0] == 0


@pytest.mark.slow
def test_seeds_each_get_it_and_are_gone_on_with_by_it(main, my_net, tmp_path):
    words = [word for word in PPO if word != "--quiet"]
    code, out, err = main("pong", *words, "--network", my_net, "--seeds", 2, "--name", "many", "--json")
    assert (code, err) == (0, "")
    assert [run.get("error") for run in json.loads(out)["runs"]] == [None, None]
    from agents.training.seeds import Job, how_to_go_on

    (job,) = [Job(1, tmp_path / "pong" / "many-s1", [])]
    line = how_to_go_on([job], {}, None, [str(my_net)])
    assert line == [f"python train.py --network {my_net} --resume {job.folder}"]


def test_what_is_printed_can_be_typed(main, my_net, tmp_path):
    words = [word for word in PPO if word != "--quiet"]
    out = main("pong", *words, "--network", my_net, "--name", "told")[1]
    run = tmp_path / "pong" / "told"
    assert f"python play.py pong human {run} --network {my_net}" in out
    assert f"--resume {run} --steps" in main("--resume", run, "--network", my_net)[1]


# --- named again ---


def test_a_run_says_how_it_is_named_again_and_notices_an_edit(main, my_net, tmp_path, forget):
    assert main("pong", *PPO, "--network", my_net, "--name", "one")[0] == 0
    run = tmp_path / "pong" / "one"
    forget()
    code, _, err = main("--resume", run)
    assert code == 2
    assert err.endswith(f"Name its file again: python train.py --resume {run} --network {my_net}\n")
    text = my_net.read_text()
    my_net.write_text(text.replace('"""Two', '"""Just two').replace("# how many", "# so many"))
    assert main("--resume", run, "--network", my_net)[0] == 0, "comments and docstrings are nothing to it"
    my_net.write_text(text.replace(".relu())", ".tanh())"))
    my_net.write_text(text.replace("5, stride=2", "3, stride=2"))
    forget()
    code, _, err = main("--resume", run, "--network", my_net)
    assert code == 2
    assert f"{my_net} has changed since the run began.\nTake back the edit" in err
    with pytest.raises(UserError, match=r"has changed since .*agent\.safetensors was trained"):
        Agent.load(run / "agent.safetensors")


def test_a_constant_called_like_one_of_a_games_counts(my_net, tmp_path):
    """A game's KEYS or MARK may change without making another game; a network's may not."""
    one = custom.load(written(tmp_path, my_net.read_text() + "\nMARK = 3\n"))
    other = custom.load(written(tmp_path, my_net.read_text() + "\nMARK = 4\n"))
    assert one.digest != other.digest


def test_a_resumed_run_takes_no_other_network(main, my_net, tmp_path):
    assert main("pong", *PPO, "--set", "hidden=8", "--name", "plain")[0] == 0
    for named in ("small", my_net):
        code, _, err = main("--resume", tmp_path / "pong" / "plain", "--network", named)
        assert code == 2
        assert "--network cannot be given" in err


def test_the_best_at_hand_is_one_that_can_be_played(my_net, tmp_path, forget, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    game, folder = games.load("pong"), tmp_path / "pong" / "run"
    folder.mkdir(parents=True)
    path = agent_file(folder, my_net)
    assert participants.best_at_hand(game, tmp_path) == str(path)
    forget()
    assert participants.best_at_hand(game, tmp_path) == "bot"


# --- no file opens code ---


def test_neither_an_agents_file_nor_a_config_runs_a_networks_file(main, my_net, tmp_path, forget, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main("pong", *PPO, "--network", my_net, "--name", "one")[0] == 0
    run, ran = tmp_path / "pong" / "one", tmp_path / "ran"
    my_net.write_text(my_net.read_text() + f"\nopen({str(ran)!r}, 'w').close()\n")
    forget()
    trap = custom.contract.digest([custom.contract.parse(my_net.read_bytes(), "")], unseen=frozenset())
    tensors, meta = tensor_file.load(run / "agent.safetensors", "agent")
    kept = {name: value for name, value in meta.items() if name not in ("format", "kind", "sha256")}
    for name in ("my_net", "./my_net.py", str(my_net), "../my_net", "os", "agents.networks.custom", "patch"):
        for digest in (trap, "0" * 64, "", "x"):
            lie = {**kept["settings"], "network": name, "network_digest": digest}
            tensor_file.save(run / "lie.safetensors", tensors, {**kept, "settings": lie}, "agent")
            with pytest.raises(UserError):
                Agent.load(run / "lie.safetensors")
            config = json.loads((run / "config.json").read_text())
            config["learner"] |= {"network": name, "network_digest": digest}
            (run / "config.json").write_text(json.dumps({**config, "network_file": str(my_net)}))
            assert main("--resume", run, "--steps", 2000)[0] == 2
    assert not ran.exists()
    custom.load(my_net)
    assert ran.exists(), "the trap works"


def test_what_a_file_calls_its_network_is_not_passed_on_as_it_comes(my_net, tmp_path, forget):
    path = agent_file(tmp_path, my_net, network="a; rm -rf ~\x1b[2J" + "x" * 99)
    forget()
    with pytest.raises(UserError, match=r"--network \./my_net\.py") as told:
        Agent.load(path)
    assert "\x1b" not in str(told.value) and "x" * 50 not in str(told.value)


def test_a_digest_is_no_setting_and_a_recipe_names_no_file(my_net, monkeypatch):
    game = games.load("pong")
    with pytest.raises(UserError, match="no setting 'network_digest'"):
        configs.resolve(game, "ppo", {"network_digest": "0" * 64}, None)
    monkeypatch.setitem(game.recipe, "ppo", {"network": str(my_net)})
    settings, _ = configs.resolve(game, "ppo", {}, None)
    with pytest.raises(UserError, match="There is no network"):
        build_network(game, settings, "ppo")
    assert not custom.LOADED


# --- mistakes ---


def test_an_edit_in_place(tmp_path):
    """The text that the next test changes is without fault."""
    build_network(games.load("pong"), settings_of(written(tmp_path, MLP), observation="objects"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("class Net(Encoder):", "class Net(Encoder)", "line 4 is not Python"),
        ("from torch import nn", "import torhc", "line 1 does not load: ModuleNotFoundError"),
        ("class Net(Encoder)", "class Net(Encodr)", "line 4 does not load: NameError.*Did you mean 'Encoder'"),
        ("class Net(Encoder)", "class Net(nn.Module)", "line 4: Net does not build on agents.networks.encoder.Encoder"),
        ("class Net(Encoder):", "x = 1\ndef net():", "no class builds on agents.networks.encoder.Encoder"),
        ("class Net", "class Other(Encoder):\n    pass\n\nclass Net", r"2 networks: Other \(line 4\), Net \(line 7\)"),
        ('takes = ("objects",)', 'takes = ("pixels",)', "line 4: Net takes pixels, not objects"),
        ("shape[1], settings", "shape[2], settings", r"line 9: Net cannot be made for objects 2 × 18: IndexError"),
        ("        self.features = settings.hidden\n", "", "line 7: Net does not say how many numbers it gives"),
        ("settings.hidden)\n", "settings.hidden)\n        self.layer.weight.sum().item()\n", "line 10: Net reads values"),
        ("self.features = settings.hidden", "self.features = 7", r"line 12: Net gives float32 \[3, 128\].*\[3, 7\]"),
        ("return self", "return x, self", "line 12: Net gives <class 'tuple'> for 3 observations"),
        ("x.flatten(1)", "x", "line 13: Net cannot read objects 2 × 18: RuntimeError"),
        ("x.flatten(1)", "x.to(dtype).flatten(1)", "line 13: Net cannot read objects 2 × 18: RuntimeError"),
        (".tanh()", ".log()", "line 12: Net gives what is no number"),
        (".tanh()", ".detach()", r"line 12: the parameter layer\.weight is not used"),
        ("self.layer(x.flatten(1))", "nn.functional.dropout(self.layer(x.flatten(1)))", "line 12: features depend on chance"),
        ("self.layer(x.flatten(1))", "(lambda y: y - y.mean(0))(self.layer(x.flatten(1)))", "or on the other observations"),
        ("        self.f", "        self.layer.bias.requires_grad = False\n        self.f", r"layer\.bias does not learn"),
        ("        self.f", "        self.layer.double()\n        self.f", r"layer\.weight is float64; what learns is float32"),
        ("        self.f", "        self.more = nn.Linear(1, 1)\n        self.f", r"parameter more\.weight is not used"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_told_with_its_line(old, new, says, tmp_path):
    assert MLP.count(old) == 1
    file = written(tmp_path, MLP.replace(old, new))
    with pytest.raises(UserError, match=says) as told:
        build_network(games.load("pong"), settings_of(file, observation="objects"))
    lines = str(told.value).splitlines()
    assert lines[0].startswith(str(file)) and len(lines) <= 2


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("none.py", "There is no network file"),
        ("patchy", "no file of a network"),
        ("My-Net.py", "lower case"),
        ("patch.py", "called patch already"),
    ],
)
def test_what_is_no_networks_file_is_said(named, says, tmp_path):
    for name in ("My-Net.py", "patch.py"):
        written(tmp_path, MLP, name)
    with pytest.raises(UserError, match=says):
        custom.load(named if named == "patchy" else tmp_path / named)


def test_the_docs_show_the_example_whole():
    assert f"```python\n{EXAMPLE.read_text('utf-8')}```" in (ROOT / "docs" / "agents.md").read_text("utf-8")


def test_trying_it_out_leaves_the_weights_what_the_seed_makes_them(my_net):
    settings, game = settings_of(my_net), games.load("pong")
    torch.manual_seed(5)
    plain = custom.LOADED[settings.network_digest].encoder_class((2, 12, 12), settings).state_dict()
    torch.manual_seed(5)
    for name, tensor in build_network(game, settings).encoder.state_dict().items():
        assert torch.equal(tensor, plain[name])
