"""A full disk ends a command with one line; nothing is half-written, and it succeeds afterwards."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.commands.cli import make_shop, run

SIZE_MIB = 64
COMMANDS = (
    ("features", "materialize"),
    ("features", "build"),
    ("training", "fit", "recency", "--seed", "7"),
    ("training", "promote", "churn", "--version", "1", "--because", "a full disk"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole") / "shop"
    make_shop(home)
    return home


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def outdated(shop: Path, home: Path) -> Path:
    """Return a copy of the shop at `home` in which every command has something to write."""
    shutil.copytree(shop, home)
    for name in ("snapshots/customer_history", "online", "bundles"):
        shutil.rmtree(home / name)
    return home


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob(".*") if path.suffix not in (".lock", ".made")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "free_kib"), [*((command, 0) for command in COMMANDS), (COMMANDS[1], 100)], ids=str
)
def test_a_full_disk_is_one_line(
    shop: Path, disk: Path, command: tuple[str, ...], free_kib: int
) -> None:
    home = outdated(shop, disk / "shop")
    state = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(state.f_bavail * state.f_frsize - 1024 * free_kib))
    done = run(*command, home=home)
    filler.unlink()
    if done.returncode or not free_kib:  # some commands write little
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
        assert done.stderr.startswith("error: ")
        assert leftovers(home) == []
    again = run(*command, home=home)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[2]], ids=lambda words: words[1])
def test_a_file_that_may_not_grow_is_one_line(
    shop: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Where no file system can be mounted, a limit of the process does the same."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    home = outdated(shop, tmp_path / "shop")
    done = run(*command, home=home, before=limit)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert leftovers(home) == []
    again = run(*command, home=home)
    assert again.returncode == 0, again.stderr
