"""The file that names the champions: no name leads outside, and its damage stops no answer."""

import shutil

from configs.json_files import write_json
from features.workspace import Workspace
from serving.models.watcher import ANSWERED
from tests.serving.faults import FAILED
from tests.serving.metrics import scrape, value
from tests.serving.requests import ask
from tests.serving.shop import put_champions, serving, until


def test_a_name_that_leads_outside_of_the_bundles_is_not_followed(ws: Workspace) -> None:
    shutil.copytree(ws.bundles / "recommender" / "2", ws.home / "elsewhere" / "2")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        for champion in ("../elsewhere/2", "recommender/../../elsewhere/2", "/etc"):
            failed = value(scrape(client), FAILED)
            write_json(ws.bundles / "current.json", {"recommender": champion})
            until(lambda failed=failed: value(scrape(client), FAILED) > failed)  # type: ignore[misc]
            assert ask(client, customer_id="anna")["model"]["version"] == "1"
        put_champions(ws, recommender="2", churn="1")
        until(lambda: ask(client, customer_id="anna")["model"]["version"] == "2")


def test_who_starts_on_damaged_names_goes_on_with_those_that_answered_last(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        until((ws.bundles / ANSWERED).exists)
    (ws.bundles / "current.json").write_text('{"recommender": "recom')
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["model"]["version"] == "1"
        assert value(scrape(client), FAILED) > 0
        put_champions(ws, recommender="2", churn="1")
        until(lambda: ask(client, customer_id="anna")["model"]["version"] == "2")
