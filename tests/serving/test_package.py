"""A Bento answers in an empty folder, its workspace gone."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from experiments.definition import stop
from features.workspace import Workspace
from serving.backend import Backend, Places
from serving.package import copy_workspace
from tests.serving.test_answers import start_experiment
from tests.serving.test_server import started


def serving(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "serving", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_bare_bento_answers(ws: Workspace, tmp_path: Path) -> None:
    made = tmp_path / "made"
    result = serving("package", "--home", str(ws.home), "--output", str(made))
    assert result.returncode == 0, result.stderr
    bento = Path(shutil.move(made, tmp_path / "elsewhere" / "bento"))
    stores = Path(shutil.move(ws.home, tmp_path / "stores"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    environment |= {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}

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
        assert running.http.post("/v1/events", json={"events": [event]}).status_code == 202


def test_a_bento_carries_what_experiments_compare(ws: Workspace, tmp_path: Path) -> None:
    start_experiment(ws)
    packaged = tmp_path / "packaged"
    copy_workspace(ws, packaged)
    places = Places(workspace=Workspace.open(packaged), stores=ws)
    with closing(Backend(places)) as backend:
        backend.models.refresh()
        assert set(backend.models.served.rankers) == {"recommender@1", "recommender@2"}
    stop(ws, "test")
    copy_workspace(ws, tmp_path / "after")
    carried = sorted(path.name for path in (tmp_path / "after/bundles/recommender").iterdir())
    assert carried == ["1"]


def test_an_output_that_stands_is_left_alone(ws: Workspace, tmp_path: Path) -> None:
    result = serving("package", "--home", str(ws.home), "--output", str(tmp_path))
    assert result.returncode == 2
    assert "stands already" in result.stderr


def test_without_champions_there_is_nothing_to_package(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    result = serving("package", "--home", str(home), "--output", str(tmp_path / "bento"))
    assert result.returncode == 2
    assert "`python -m features materialize`" in result.stderr
    assert not (tmp_path / "bento").exists()
