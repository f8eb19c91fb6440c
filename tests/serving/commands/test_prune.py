"""`prune`: what is kept no longer goes, what a running experiment needs stays."""

from contextlib import closing
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from configs.cli import OUTAGE
from experiments.exposures import DATABASE, Exposure, ExposureLog, read
from features.workspace import Workspace
from serving.__main__ import app
from serving.stores.idempotency import (
    ANSWERED,
    Claim,
    IdempotencyName,
    IdempotencyStore,
    StoredAnswer,
)
from tests.serving.requests import start_experiment
from tests.serving.shop import DAY, NOW


def shown(number: int, experiment: str | None, at: pd.Timestamp) -> Exposure:
    return Exposure(
        recommendation_id=f"r{number}",
        experiment=experiment,
        variant=None if experiment is None else "own",
        unit_id="anna",
        model_version="recommender@1",
        scenario="home",
        product_ids=("a",),
        propensities=(1.0,),
        exposed_timestamp=at,
    )


def run(home: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["prune", "--home", str(home), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_kept_no_longer_goes(ws: Workspace) -> None:
    start_experiment(ws, popular=0.5)
    with ExposureLog(ws.experiments / DATABASE) as log:
        for number, (key, days) in enumerate(
            [("test", 500), ("past", 500), (None, 500), (None, 1)]
        ):
            log.append([shown(number, key, NOW - days * DAY)])
    with closing(IdempotencyStore(ws.home / ANSWERED, clock=lambda: 1e9)) as answers:
        claim = answers.claim(IdempotencyName(caller="a", path="/p", key="k"), b"")
        assert isinstance(claim, Claim)
        answers.keep(claim, StoredAnswer(status=200, answer=b"{}"))
    would = run(ws.home, "--dry-run")
    assert "exposures.db: 2 rows, " in would
    assert "answered.db: 1 rows, " in would
    assert len(read(ws.experiments / DATABASE)) == 4
    assert run(ws.home) == would.replace("would be removed", "removed")
    assert list(read(ws.experiments / DATABASE)["recommendation_id"]) == ["r0", "r3"]
    assert run(ws.home, "--exposures-days", "1").count(": 0 rows") == 2


def test_a_log_that_never_was_is_not_made(ws: Workspace) -> None:
    assert run(ws.home) == ""
    assert not (ws.home / ANSWERED).exists()


def test_a_lost_log_is_one_line(ws: Workspace) -> None:
    ExposureLog(ws.experiments / DATABASE).close()
    (ws.experiments / DATABASE).unlink()
    result = CliRunner().invoke(app, ["prune", "--home", str(ws.home)])
    assert result.exit_code == OUTAGE
    assert "exposures.db is gone: restore it, or remove .exposures.db.made" in result.stderr
