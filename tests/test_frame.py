"""The project's frame: what is installed, what make does, and which part may know which."""

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import games

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RANGES = [
    Requirement(text) for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for text in texts
]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#"))


def imports(path, inside=True):
    """Top-level names of what a file imports; without `inside`, only when it is itself imported."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if inside else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def tops(names):
    return {name.split(".")[0] for name in names}


def make(*words, folder=ROOT):
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False)


# --- what is installed ---


@pytest.mark.parametrize("wanted", RANGES, ids=lambda wanted: wanted.name)
def test_each_dependency_is_a_range_and_pinned_to_a_version_within_it(wanted):
    assert wanted.specifier
    assert not any(part.operator == "==" for part in wanted.specifier)
    assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)])


def test_pins_are_exact_and_for_every_machine():
    assert PINS["torch"] == "2.13.0"
    assert "sparring" not in PINS
    for name, version in PINS.items():
        assert name == canonicalize_name(name)
        assert re.fullmatch(r"[0-9.]+", version), f"{name} {version}: a local build is not for everybody"


def test_the_changelog_has_this_version():
    assert f"\n## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("package", ["games", "agents", "ui"])
def test_packages_tell_type_checkers_that_they_are_typed(package):
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "py.typed" in data[package] and (ROOT / package / "py.typed").exists()


# --- make ---


def test_help_names_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1].split()
    told = make("help").stdout
    assert {f"make {target}" for target in targets if target != "help"} <= set(re.findall(r"make [a-z-]+", told))


@pytest.mark.parametrize("target", ["train", "play"])
def test_game_and_arguments_reach_the_command(target):
    assert f"{target}.py breakout --seed 2" in make("-n", target, "GAME=breakout", "ARGS=--seed 2").stdout


def test_every_target_sets_itself_up(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for target in ("setup", "train", "play", "bench", "test", "test-all"):
        assert "-m venv" in make("-n", target, folder=tmp_path).stdout


def test_an_old_python_is_refused_with_what_to_do(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("setup", f"PYTHON={old}", folder=tmp_path)
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_the_checkers_script_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text("utf-8")


# --- which part may know which: train, play, bench → speed → ui → agents → games ---


@pytest.mark.parametrize("name", games.names())
def test_a_game_file_imports_only_what_games_are_written_with(name):
    found = imports(ROOT / "games" / f"{name}.py")
    assert tops(found) <= {"numpy", "math", "games"}
    assert all(module.startswith(("games.core", "games.shared")) for module in found if module.startswith("games"))


@pytest.mark.parametrize(
    ("part", "never"),
    [
        ("games", {"agents", "ui", "speed", "train", "play", "bench"}),
        ("agents", {"ui", "speed", "pygame", "train", "play", "bench"}),
        ("ui", {"speed", "train", "play", "bench"}),
    ],
)
def test_arrows_point_down_only(part, never):
    files = list((ROOT / part).rglob("*.py"))
    assert files
    for file in files:
        assert not tops(imports(file)) & never, file


def test_games_wait_for_neither_torch_nor_sb3():
    for file in (ROOT / "games").rglob("*.py"):
        assert not tops(imports(file, inside=False)) & {"torch", "stable_baselines3"}, file
