"""README and docs: every command is run or says why not, every Python block runs, every link leads somewhere.

A command is a line of an indented block, or a piece of inline code that begins as one (`COMMAND`). `RULES` says how each
is run; a command that no rule knows fails. They run in this process, through the same `main()` as on the command line, in
a folder that has what a reader has by then: the checkout's files, runs of a few hundred steps called NAME, and the example
game and network of the docs as ./my_game.py and ./my_net.py, a toy as ./my_maze.py. What is shortened:

* training is given `--steps 500`, few environments and few games to be judged by (`FEW`); the words before them stay;
* a run to go on with goes on for a few steps more; matches of many games are cut down to ten;
* training that the figures are of takes minutes: the network that its settings make is described, which reads them all;
* a window is closed after some turns of its loop, at the latest;
* make only says what it would do (`make -n`): setting up and the commands are tested elsewhere.

Slow ones (under a minute each) are run by `make test-all`.
"""

import glob
import importlib
import io
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from agents.play.ladder import is_level
from tests.agents.play.ladders import small_ladder

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "findings" / "README.md",
    ROOT / "agents" / "zoo" / "README.md",
]
COMMAND = re.compile(r"(python|make|torchrun|tensorboard|pip|pre-commit|pytest|bash) ")
TUTORIAL = "docs/tutorial.md"  # its blocks build on each other: tests/test_tutorial.py follows them
TOLD_BEFORE = ("CHANGELOG.md",)  # tells of commands of versions past: they are not run

FOUND = {  # runs that commands name, and the words of `train.py` that make them
    "runs/pong/NAME": ["pong"],
    "runs/pong/untrained": ["pong"],
    "runs/pong/curve-*-s?": ["pong"],
    "runs/pong/pqn-s?": ["pong", "--algo", "pqn"],
    "runs/pong/mine-s*": ["pong"],
    "runs/pong/sb3": ["pong", "--trainer", "sb3"],
    "runs/connect_four/curve-*-s?": ["connect_four"],
    "runs/connect_four/pqn-s?": ["connect_four", "--algo", "pqn"],
    "runs/my_game/NAME": ["./my_game.py"],
    "runs/my_maze/NAME": ["./my_maze.py"],
    "runs/gym-CartPole-v1/NAME": ["gym:CartPole-v1"],
}
FEW = [
    *("--steps", "500", "--envs", "16", "--set", "threads=1"),
    *("--set", "eval_games=2", "--set", "final_games=2", "--set", "gif=false"),
]  # fmt: skip
MY_MODULE = """
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv
gymnasium.register("MyEnv-v0", entry_point=CartPoleEnv, max_episode_steps=50)
"""


# --- how each is run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """Run it in this process. more: words that are appended, which shorten it."""

    more: tuple[str, ...] = ()
    slow: bool = False
    apart: bool = False  # in a process of its own


@dataclass(frozen=True)
class Dry:
    """`make -n`: it says what it would do."""

    slow = False


@dataclass(frozen=True)
class Not:
    """It is not run. why: takes minutes or hours, needs a person, the network or another package, or changes the checkout."""

    why: str
    slow = False


TINY = ("--steps", "100", "--set", "n_steps=8", "--set", "batch_size=32", "--set", "n_epochs=1")  # of large networks
SHORT, DESCRIBED = Run(tuple(FEW)), Run(("--describe",))
FIGURES = r"(docs/figures|agents/zoo/README)\.md: "

# Beginnings of environments in packages that are not installed here.
ELSEWHERE = ("MinAtar", "LunarLander", "minigrid", "popgym", "tetris", "highway", "memory_gym", "doom", "airstriker", "ALE")

# Page and command → how it is run; the first rule that finds its pattern decides.
RULES = [
    (r": make ", Dry()),
    (r": tensorboard ", Not("serves until it is stopped")),
    (r": (pip|pre-commit) ", Not("needs the network, and another package")),
    (r": python -m venv", Not("makes another virtual environment")),
    (r": python -m tests\.golden", Not("records golden games anew, in the checkout")),
    (r": python -m tests\.ui\.golden_pages", Not("makes golden pictures anew, in the checkout")),
    (r": python -m tests\.trust .*--quick", Not("tests/test_trust.py runs it, with the other campaigns")),
    (r": python -m tests\.trust", Not("takes minutes; tests/test_trust.py runs all campaigns, quickly")),
    (r": python -m pytest .*-k NAME$", Not("runs the tests that the reader chooses")),
    (rf"gym:({'|'.join(ELSEWHERE)})", Not("needs another package")),
    (
        r": python bench\.py (env|train|scale|usual|gpu)( [dp]..| (--seconds \d+ )?--only .*)?$",
        Not("tests/test_bench.py runs it, quickly"),
    ),
    (r": python bench\.py play$", Not("takes some minutes; tests/test_bench.py runs it, quickly")),
    (r": python bench\.py since ", Not("takes minutes to hours, and needs an older commit")),
    (r": python bench\.py .*--quick", Run(slow=True)),
    (r": torchrun ", Run(tuple(FEW), slow=True, apart=True)),
    (r": python train\.py --resume .*--opponent ", Not("needs a run whose opponent is elsewhere; tests/test_train.py has one")),
    (r": python train\.py .*--init-from runs/pong/(ladder|finer)/", Not("goes on from a run of an hour")),
    (r": python train\.py .*--resume", Run(("--steps", "900"))),
    (r": python train\.py --list", Run()),
    (r": python train\.py .*--describe", Run()),
    (FIGURES + r"python train\.py ", DESCRIBED),
    (r": python train\.py .*--preset sb3", Run((*FEW, *TINY))),
    (r": python train\.py \./my_maze\.py", Run(tuple(FEW), slow=True)),
    (r": python train\.py .*--seeds", Run(tuple(FEW), slow=True)),
    (r": python train\.py ", SHORT),
    (r": python play\.py \./my_maze\.py .*--headless", Run(("--games", "10"), slow=True)),
    (r": python play\.py .*--headless", Run(("--games", "10"))),
    (r": python play\.py( |$)", Run()),
    (FIGURES + r"python -m agents\.perfect ", Not("takes half a minute; tests/games/solvers solves fewer positions")),
    (r": python -m agents\.export ", Run(slow=True)),
    (r": python -m agents\.plot ", Run()),
    (FIGURES + r"python -m agents\.ratings ", Not("takes a minute; tests/agents/play/test_tournament.py plays fewer games")),
    (r": python -m agents\.ratings ", Run(("--games", "12"))),
    (r": python -m games\.check ", Run(slow=True)),
    (r": python -m agents\.web pong --single", Run()),
    (r": python -m agents\.web ", Run(slow=True)),
    (r": python -m pytest ", Not("needs a browser; make test-all runs these tests where there is one")),
    (r": python -m http\.server", Not("serves until it is stopped")),
    (r": python -m agents\.ladder ", Not("takes minutes; tests/agents/training/test_ladder_maker.py makes small ones")),
    (r": python -m games\.levels ", Run()),
    (r": python -m games\.people .*mine\.toml", Not("needs a table of the reader's own; tests/games/people has one")),
    (r": python -m games\.people ", Run(("--games", "2"), slow=True)),
    (r": python -m agents\.robustness .* tests/", Not("takes minutes; tests/agents has a quick one")),
    (r": python -m agents\.robustness ", Run(("--games", "2"), slow=True)),
    (r": python examples/play_onnx\.py ", Run(slow=True, apart=True)),
    (r": python docs/make_pictures\.py ", Run(slow=True, apart=True)),
]  # fmt: skip


def commands(page: Path) -> list[str]:
    """The commands of a page, without their comments."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line.strip() for line in re.findall(r"^    (?! )(.+)$", text, re.MULTILINE)]
    inline = [
        code for code in re.findall(r"`([^`\n]+)`", re.sub(r"^    .*$", "", text, flags=re.MULTILINE)) if COMMAND.match(code)
    ]
    found = [re.sub(r"\s+# .*$", "", line) for line in [*lines, *inline]]
    return [line for line in dict.fromkeys(found) if not unfinished(line)]


def unfinished(command: str) -> bool:
    """Does it only name a program, as `python -m agents.plot`, or leave out something, as `python bench.py since REVISION`?"""
    return re.search(r"…|\b(REVISION|FILE|AGENT|VALUE)\b|^python -m [\w.]+$", command) is not None


def place(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def rule(page: Path, command: str) -> Run | Dry | Not | None:
    return next((how for pattern, how in RULES if re.search(pattern, f"{place(page)}: {command}")), None)


EVERY = [(page, command) for page in PAGES if place(page) not in TOLD_BEFORE for command in commands(page)]
RUN = [
    pytest.param(page, command, rule(page, command), id=f"{place(page)}: {command}",
                 marks=[pytest.mark.slow] if rule(page, command).slow else [])
    for page, command in EVERY if isinstance(rule(page, command), Run | Dry)
]  # fmt: skip


# --- the folder that they run in ----------------------------------------------------------------------------------


def block(page: str, first: str) -> str:
    """The Python block of a page that begins with a line."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return next(text for text in blocks if text.startswith(first))


def tutorials_game() -> str:
    """The last block of the tutorial: its whole game."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / TUTORIAL).read_text("utf-8"), re.DOTALL | re.MULTILINE)[-1]


class Desk:
    """A folder as a reader has it. What a command needs of earlier ones is made when it is first asked for."""

    def __init__(self, folder: Path):
        self.folder, self.named = folder, 0
        self.made: dict[str, list[str]] = {}  # runs, and the words that made them
        for name in ("agents", "games", "ui", "speed", "examples", "train.py", "play.py", "bench.py"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "docs").mkdir()  # not the checkout's: pictures are written there
        (folder / "docs" / "make_pictures.py").symlink_to(ROOT / "docs" / "make_pictures.py")
        (folder / "my_game.py").write_text(block("docs/games.md", '"""One apple'), "utf-8")
        (folder / "rain.py").write_text(tutorials_game(), "utf-8")
        shutil.copy(ROOT / "tests" / "toys" / "door_maze.py", folder / "my_maze.py")
        shutil.copy(ROOT / "examples" / "my_net.py", folder)
        (folder / "my_module.py").write_text(MY_MODULE, "utf-8")

    def make_ready(self, command: str) -> None:
        """What the command finds: runs that it names, and an exported agent."""
        own_network = ["--network", "./my_net.py", "--set", "size=42"] if "--network ./my_net.py" in command else []
        for run, words in FOUND.items():
            if run in command:
                self.train(run.replace("*-s?", "ppo-s1").replace("-s*", "-s1"), [*words, *own_network])
        ladder = self.folder / "runs" / "pong" / "ladder"
        if any(is_level(word) or word == "fit" for word in command.split()) and not ladder.exists():
            small_ladder(ladder)
        for bank in ("bank.npy", "ten.json"):
            if bank in command and not (self.folder / bank).exists():
                self.call(f"python -m games.levels ./my_maze.py train:10 --out {bank}")
        if "examples/play_onnx.py" in command and not (self.folder / "pong.onnx").exists():
            self.call("python -m agents.export agents/zoo/pong/ppo.safetensors pong.onnx")

    def train(self, run: str, words: list[str]) -> None:
        """A short run in this folder, unless there is one."""
        folder = self.folder / run
        if not folder.exists() or self.made.get(run) != words:  # two pages may mean others by one name
            shutil.rmtree(folder, ignore_errors=True)
            self.call(shlex.join(["python", "train.py", *words, *FEW, "--name", folder.name]))
            self.made[run] = words

    def name(self, command: str) -> list[str]:
        """Words that name the run which a command begins, where it names none; one that it names is begun anew."""
        words = shlex.split(command)
        if "--name" not in words:
            self.named += 1
            return ["--name", f"docs-{self.named}"]
        for old in glob.glob(f"{self.folder}/runs/*/{words[words.index('--name') + 1]}*"):
            shutil.rmtree(old)
        return []

    def call(self, command: str, apart: bool = False) -> str:
        """Standard output of a command, which must succeed."""
        with chdir(self.folder):
            words = [found for word in shlex.split(command) for found in (sorted(glob.glob(word)) or [word])]
            code, out, err = called_apart(words) if apart else called_here(words, self.folder)
        assert code == 0, f"{shlex.join(words)}\n{out[-2000:]}\n{err[-4000:]}"
        return out


def called_apart(words: list[str]) -> tuple[int, str, str]:
    """In a process of its own, with the program of this virtual environment."""
    program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "torch.distributed.run"]
    done = subprocess.run([*program, *words[1:]], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def called_here(words: list[str], folder: Path) -> tuple[int, str, str]:
    """In this process: `python train.py …` as its main() sees it, `python -m agents.plot …` likewise."""
    from ui.application import App

    assert words[0] == "python"
    name, rest = (words[2], words[3:]) if words[1] == "-m" else (words[1].removesuffix(".py"), words[2:])
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", [words[1], *rest])
        patch.setattr(App, "run", closed_soon)
        for kind in ("data", "config"):
            patch.setattr(platformdirs, f"user_{kind}_dir", lambda *names, kind=kind, **more: str(folder / f"user_{kind}"))
        patch.syspath_prepend(str(folder))
        module = importlib.import_module(name)
        main = importlib.import_module(f"{name}.__main__") if hasattr(module, "__path__") else module
        try:
            code = main.main()
        except SystemExit as ended:  # argparse
            code = ended.code
    return code, out.getvalue(), err.getvalue()


def closed_soon(app) -> None:
    """In place of `App.run`: the game is loaded, begins, and after some turns somebody closes the window."""
    import pygame

    from ui.pages.home import HomePage

    try:
        if isinstance(app.page, HomePage):
            app.turn(1)  # the first picture, after which the games load
            app.turn(1)
            app.page.catalogue.join()
            app.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RETURN))
            app.turn(1)
            assert len(app.pages) == 2
            return
        app.page.load()
        app.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RETURN))
        for _ in range(5):
            app.turn(2)
        assert app.page.mode in ("counting", "playing")
        app.handle(pygame.event.Event(pygame.QUIT))
        assert not app.is_open
    finally:
        app.close()


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"))


# --- the promises -------------------------------------------------------------------------------------------------


def test_readme_is_on_a_screen_and_a_half():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_command_has_a_rule(page):
    if place(page) not in TOLD_BEFORE:
        assert [command for command in commands(page) if rule(page, command) is None] == []


def test_every_rule_is_of_a_command_and_what_is_not_run_says_why():
    for pattern, how in RULES:
        assert any(rule(page, command) is how for page, command in EVERY), f"no command is run as {pattern} says"
        assert not isinstance(how, Not) or how.why


@pytest.mark.filterwarnings("ignore")  # of other people's libraries, as on the command line
@pytest.mark.parametrize("page, command, how", RUN)
def test_the_command_works(page, command, how, desk):
    if isinstance(how, Dry):
        done = subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return
    desk.make_ready(command)
    begins = command.startswith(("python train.py", "torchrun")) and not {"--resume", "--list", "--describe"} & set(
        command.split()
    )
    more = [*how.more, *(desk.name(command) if begins else [])]
    desk.call(f"{command} {shlex.join(more)}", how.apart)


BLOCKS = [
    pytest.param(page, number, text, id=f"{place(page)} block {number}")
    for page in PAGES
    if place(page) != TUTORIAL
    for number, text in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE), 1)
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page, number, text", BLOCKS)
def test_the_python_block_runs(page, number, text, desk):
    file = desk.folder / f"{page.stem}_{number}.py".lower().replace("-", "_")
    file.write_text(text, "utf-8")
    with chdir(desk.folder):
        runpy.run_path(str(file))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_fenced_block_is_python(page):
    """What else is fenced would be run by nothing: commands are indented."""
    fences = re.findall(r"^```(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert fences == ["python", ""] * (len(fences) // 2)


# --- links --------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """GitHub's anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """Relative links and pictures of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", link)]


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{place(page)} links to {link}"
        assert target.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(target), f"{place(page)} links to {link}"


def test_every_page_and_picture_of_docs_is_linked():
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    for file in (ROOT / "docs").iterdir():
        assert file.suffix == ".py" or file.name == "README.md" or file in linked, file.name


def test_what_a_link_misses_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title: of `two` words\n\n[one](#a-title-of-two-words) ![two](picture.png) [far](https://a.b)\n")
    assert anchors(page) == {"a-title-of-two-words"}
    assert links(page) == ["#a-title-of-two-words", "picture.png"]


def test_commands_are_found_wherever_they_stand(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("    python a.py  # why\n\n| `make it` | `agents` |\n\n```python\n    python = 1\n```\n\n`python b.py …`\n")
    assert commands(page) == ["python a.py", "make it"]
