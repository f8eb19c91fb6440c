"""The locks are whole: every file by its hash, each package once, and what runs apart."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serving.commands.image import WITHOUT
from serving.commands.package import CODE
from tests.locks import DEVELOPMENT, LOCKS, RUN, TORCH, Pin, pins, text_of
from tests.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = [Requirement(text) for text in PROJECT["dependencies"]]
DEVELOPING = [Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]]
LEFT_OUT = {
    name for name in (ROOT / WITHOUT).read_text(encoding="utf-8").split("\n") if name[:1] not in "#"
}


def run_time() -> dict[str, Pin]:
    return pins(text_of(RUN)) | pins(text_of(TORCH))


def test_every_file_is_known_by_its_hash() -> None:
    for lock in LOCKS:
        locked = pins(text_of(lock))
        assert len(locked) > 15
        for pin in locked.values():
            assert pin.hashes, f"{lock}: {pin.requirement.name} has no hash"
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", known) for known in pin.hashes)
            assert re.fullmatch(r"==[^=*,]+", str(pin.requirement.specifier)), pin.requirement
            assert pin.requirement.url is None, f"{lock}: {pin.requirement.name} has an address"


def test_no_lock_names_an_index() -> None:
    for lock in LOCKS:
        assert not re.search(r"\w://|--(?!hash=)|\+cpu|\+cu|git@", text_of(lock)), lock


def test_each_package_is_in_one_lock() -> None:
    names = [name for lock in LOCKS for name in pins(text_of(lock))]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", [*NEEDED, *DEVELOPING], ids=lambda r: r.name)
def test_the_locks_are_within_the_bounds(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    locked = run_time() if requirement in NEEDED else run_time() | pins(text_of(DEVELOPMENT))
    assert requirement.specifier.contains(locked[name].version, prereleases=True)


def test_what_runs_holds_no_tool_of_development() -> None:
    tools = {canonicalize_name(r.name) for r in DEVELOPING} - {"fastapi"}  # Feast needs that
    assert tools & set(run_time()) == set()
    assert LEFT_OUT & set(run_time()) == set()
    assert LEFT_OUT | tools <= set(pins(text_of(DEVELOPMENT)))
    assert {"pytest", "ruff", "mypy", "hatchling", "gitpython", "uv"} <= LEFT_OUT | tools


def test_what_runs_holds_all_that_the_code_imports() -> None:
    owners = metadata.packages_distributions()
    imported = {name for folder in CODE for name in imports(folder)} - set(CODE)
    third = {name for name in imported if name not in sys.stdlib_module_names}
    assert {"torch", "mlflow", "feast", "msgspec", "lightgbm"} <= third
    locked = set(run_time())
    missing = {name for name in third if not {canonicalize_name(o) for o in owners[name]} & locked}
    assert missing == set()


def imports(folder: str) -> Iterator[str]:
    """Yield the top-level names that the code of a folder imports, at once or later."""
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def test_what_runs_holds_all_that_its_packages_need() -> None:
    """The locks are installed without a look at dependencies."""
    locked, checked = run_time(), 0
    for name, pin in locked.items():
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            assert pin.requirement.marker is not None, f"{name} is locked, but not installed"
            continue
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                checked += 1
                assert canonicalize_name(need.name) in locked.keys() | LEFT_OUT, f"{name}: {need}"
    assert checked > 300


def test_the_installer_takes_no_file_without_a_hash() -> None:
    lines = [line.strip() for line in (ROOT / "Makefile").read_text().splitlines()]
    from_locks = [line for line in lines if re.match(r"(@?\$\(BIN\)/)?pip install\b", line)]
    editable = [line for line in from_locks if "-e ." in line]
    assert len(from_locks) >= 4
    assert [line for line in from_locks if "$(HASHED)" not in line] == editable
    assert all("--no-deps --no-build-isolation" in line for line in editable)
    (hashed,) = (line for line in lines if line.startswith("HASHED :="))
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(hashed.split())
    (cpu,) = (line.split()[-1] for line in lines if line.startswith("TORCH_CPU :="))
    assert cpu in pins(text_of(TORCH))["torch"].hashes


def test_the_recipes_are_shell() -> None:
    for target in ("install", "lock"):
        command = ["make", "--always-make", "--dry-run", target]
        recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert "requirements" in recipe.stdout
        subprocess.run(["bash", "-n"], input=recipe.stdout, text=True, check=True)
