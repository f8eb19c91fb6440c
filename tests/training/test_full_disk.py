"""A full disk ends each command of training with one line; with space again it goes on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.code import ROOT
from features.workspace import Workspace
from tests.training.registry.copies import registered
from tests.training.shop import Shop
from training.bundle import load_bundle, read_champions
from training.registry.client import open_client


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 64 MB."""
    place = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, *, left: int) -> None:
    """Leave `left` bytes."""
    free = shutil.disk_usage(disk).free - left
    with (disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments, "--home", str(home)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_full_disk_is_one_line_and_registers_nothing_by_halves(
    shop: Shop, small_disk: Path
) -> None:
    ws = registered(shop, small_disk / "shop")
    commands = {
        "promote": ("promote", "recommender"),
        "fit": ("fit", "two_tower", "epochs=2", "--device", "cpu"),
        "tune": ("tune", "ease", "--trials", "1"),
        "evaluate": ("evaluate", "own_purchases"),
    }
    for name, command in commands.items():
        for left in (0, 300_000):
            if name == "promote":
                shutil.rmtree(ws.bundles / "recommender")
            fill(small_disk, left=left)
            done = run(ws.home, *command)
            (small_disk / "ballast").unlink()
            if done.returncode:
                assert done.returncode == 3, f"{name} with {left} bytes left:\n{done.stderr}"
                errors = [text for text in done.stderr.splitlines() if text.startswith("error:")]
                assert len(errors) == 1
                assert "Traceback" not in done.stderr
            check_whole(ws)
        assert run(ws.home, *command).returncode == 0
        check_whole(ws)


def check_whole(ws: Workspace) -> None:
    """Every registered version and every bundle can be loaded."""
    client = open_client(ws)
    for name in ("recommender", "churn"):
        for version in client.search_model_versions(f"name = '{name}'"):
            load_bundle(ws.artifacts / version.run_id / "artifacts/model/artifacts/bundle")
        for folder in (ws.bundles / name).glob("[0-9]*"):
            load_bundle(folder)
    assert read_champions(ws.bundles / "current.json").keys() == {"churn", "recommender"}
