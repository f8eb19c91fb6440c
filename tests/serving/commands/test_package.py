"""A Bento answers in an empty folder, its workspace gone."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import bentoml
import psutil
import pytest
import torch

from experiments.lifecycle import stop
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.commands.image import ENVIRONMENT, WITHOUT
from serving.commands.launch import LaunchError
from serving.commands.package import CODE, DEVELOPMENT_LOCK, LOCK, copy_workspace
from tests.locks import pins, text_of
from tests.serving.requests import start_experiment
from tests.serving.server import started


def serving(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "serving", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_bare_bento_answers(ws: Workspace, tmp_path: Path) -> None:
    made, policy = tmp_path / "made", tmp_path / "policy.yaml"
    policy.write_text("bought_within_days: 5")
    asked = ["--home", str(ws.home), "--output", str(made), "--policy", str(policy)]
    result = serving("package", *asked)
    assert result.returncode == 0, result.stderr
    check_image(made)
    bento = Path(shutil.move(made, tmp_path / "elsewhere" / "bento"))
    stores = Path(shutil.move(ws.home, tmp_path / "stores"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    environment |= {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    environment |= {"REGULARS_WITHOUT_KEYS": "1"}

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "bentoml", "serve", str(bento), "--port", str(port)]

    empty = tmp_path / "empty"
    empty.mkdir()
    with started(command, tmp_path / "log", environment=environment, folder=empty) as running:
        answer = running.http.post("/v1/recommendations", json={"customer_id": "anna"}).json()
        assert answer["fallback_reason"] == "exposure_log_unavailable"
        assert [i["product_id"] for i in answer["items"]] == ["tea", "cup", "mug", "pot", "茶/1"]
        churn = running.http.post("/v1/predictions/churn", json={"customer_ids": ["anna"]}).json()
        assert churn["model"] == {"name": "churn", "version": "1"}
        assert churn["predictions"][0]["fallback_reason"] == "store_unavailable"
        event = {"event_id": "e", "type": "product_viewed", "customer_id": "anna"}
        event |= {"time": "2024-02-29T00:00:00Z", "product_id": "tea"}
        refused = running.http.post("/v1/events", json={"events": [event]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    environment |= {"REGULARS_STORES": str(stores)}
    with started(command, tmp_path / "log2", environment=environment, folder=empty) as running:
        answer = running.http.post("/v1/recommendations", json={"customer_id": "anna"}).json()
        assert answer["model"] == {"name": "recommender", "version": "1"}
        assert "fallback_reason" not in answer
        assert [i["product_id"] for i in answer["items"]] == ["pot", "cup", "mug", "茶/1"]  # no tea
        assert running.http.post("/v1/events", json={"events": [event]}).status_code == 202
        listening = {c.laddr.ip for c in psutil.net_connections() if c.laddr.port == running.port}
        assert "0.0.0.0" not in listening  # that is the container's alone
    if not torch.cuda.is_available():
        ended = subprocess.run(
            command(1),
            env=environment | {"REGULARS_DEVICE": "cuda"},
            cwd=empty,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1
        assert "device = 'cuda': this machine has no usable GPU" in ended.stderr


def check_image(bento: Path) -> None:
    """Both images, for CPU and GPU, are built from this: no address, no compiler, no git."""
    image = (bento / "env/docker/Dockerfile").read_text()
    lines = image.splitlines()
    assert "FROM python:3.11-slim AS base-container" in lines
    for name, value in ENVIRONMENT.items():
        assert f"ARG {name}={value}" in lines
        assert f"ENV {name}=${name}" in lines
        assert image.index(f"ENV {name}=") < image.index("uv --directory")  # uv reads it there
    assert not re.search(r"\b(apt|apt-get|git|gcc|build-essential)\b", image)
    assert image.index("--require-hashes -r /tmp/uv.txt") < image.index("pip install uv")
    assert image.index(f"./src/{WITHOUT}") < image.index("uv --directory")
    assert (bento / "src" / WITHOUT).exists()
    requirements = (bento / "env/python/requirements.txt").read_text()
    required = pins(requirements.replace(f"bentoml=={bentoml.__version__}\n", ""))  # its own line
    assert required == pins(text_of(LOCK)) | {"torch": pins("torch==2.13.0")["torch"]}
    assert not required.keys() & pins(text_of(DEVELOPMENT_LOCK)).keys()
    assert not re.search(r"https?://|--index|\+cpu|\+cu", image + requirements)
    assert (bento / "src/packaged/policy.yaml").exists()
    assert {path.name for path in (bento / "src").iterdir()} == {
        *CODE, "packaged", LOCK, "bentofile.yaml"
    }  # fmt: skip


def test_a_bento_carries_what_experiments_compare(ws: Workspace, tmp_path: Path) -> None:
    start_experiment(ws)
    packaged = tmp_path / "packaged"
    copy_workspace(ws, packaged)
    places = Settings(workspace=Workspace.open(packaged), stores=ws)
    with closing(Backend(places)) as backend:
        backend.models.refresh()
        assert set(backend.models.served.rankers) == {"recommender@1", "recommender@2"}
        assert backend.models.served.baskets is not None  # it carries the rules of its cut
    stop(ws, "test")
    copy_workspace(ws, tmp_path / "after")
    carried = sorted(path.name for path in (tmp_path / "after/bundles/recommender").iterdir())
    assert carried == ["1"]


def test_a_version_that_cannot_be_loaded_is_not_packaged(ws: Workspace, tmp_path: Path) -> None:
    (file,) = (ws.bundles / "recommender/1/model").iterdir()
    file.write_text("{")
    with pytest.raises(LaunchError, match="recommender/1 cannot be loaded, promote another"):
        copy_workspace(ws, tmp_path / "packaged")


def test_a_carried_policy_gives_way_to_a_named_one(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = tmp_path / "packaged"
    copy_workspace(ws, packaged)
    (packaged / "policy.yaml").write_text("k: 3")
    (tmp_path / "other.yaml").write_text("k: 4")
    monkeypatch.setattr("serving.backend.PACKAGED", packaged)
    assert Settings.of({}).policy.k == 3
    assert Settings.of({"REGULARS_POLICY": str(tmp_path / "other.yaml")}).policy.k == 4
    assert Settings.of({"REGULARS_HOME": str(ws.home)}).policy.k == 10


def test_an_output_that_stands_is_left_alone(ws: Workspace, tmp_path: Path) -> None:
    result = serving("package", "--home", str(ws.home), "--output", str(tmp_path))
    assert result.returncode == 2
    assert "exists already" in result.stderr


def test_without_champions_there_is_nothing_to_package(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    result = serving("package", "--home", str(home), "--output", str(tmp_path / "bento"))
    assert result.returncode == 2
    assert "`python -m features materialize`" in result.stderr
    assert not (tmp_path / "bento").exists()
