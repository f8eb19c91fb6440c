"""Evaluations: figures of the judge, several windows, nothing done twice, true MLflow runs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.code import code_digest
from tests.training.shop import DAYS, Shop
from training.evaluate import evaluate
from training.evaluation.recommender_judge import recommender_judge
from training.evaluation.results import Evaluation
from training.evaluation.segments import EVERYONE, SegmentList
from training.models import UnknownModel
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)
from training.recommenders.two_tower.model import TwoTowerConfig
from training.registry.tracking import Tracking
from training.reports.evaluation_report import FILE
from training.run import Progress

ALL, NEW = SegmentList(EVERYONE, "all"), SegmentList(EVERYONE, "new")
SMALL = TwoTowerConfig(
    epochs=3, embedding_dim=4, hidden=8, weeks=5, learning_rate=0.5
)  # gets worse


@pytest.fixture(scope="module")
def rolled(shop: Shop) -> Evaluation:
    return evaluate(shop.ws, "own_purchases", as_of=shop.full.as_of, windows=2, device="cpu")


def test_a_window_says_what_the_judge_says(shop: Shop, rolled: Evaluation) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    own, popular = (
        judge.measure(OwnPurchases(OwnPurchasesConfig())).metrics,
        judge.measure(Popularity(PopularityConfig())).metrics,
    )
    newest = rolled.windows[-1]
    assert (newest.start, newest.end) == (shop.past.as_of, shop.full.as_of)
    assert newest.customers == len(judge.queries)
    assert rolled.models == ("own_purchases", "popularity")
    for part, prefix in ((ALL, ""), (NEW, "new_")):
        found = newest.parts[part]
        for figure in ("ndcg_at_10", "recall_at_10", "hit_rate_at_10", "mrr_at_10"):
            mean = found.means["own_purchases"][figure]
            assert mean.value == pytest.approx(own[f"{prefix}{figure}"], abs=1e-12)
            lead = found.leads["popularity"][figure]
            expected = own[f"{prefix}{figure}"] - popular[f"{prefix}{figure}"]
            assert lead.value == pytest.approx(expected, abs=1e-12)
            assert lead.low <= lead.value <= lead.high
        assert found.coverage["own_purchases"] == own[f"{prefix}coverage_at_10"]


def test_several_windows_end_where_the_next_one_begins(shop: Shop, rolled: Evaluation) -> None:
    older, newer = rolled.windows
    assert (older.start, older.end) == (shop.past.as_of - 28 * DAYS, shop.past.as_of)
    assert older.data_digest != newer.data_digest
    means = [one.parts[ALL].means["popularity"]["ndcg_at_10"].value for one in rolled.windows]
    found = rolled.parts[ALL].means["popularity"]["ndcg_at_10"]
    assert found.value == pytest.approx(np.mean(means))
    assert found.low < found.value < found.high
    alone = evaluate(shop.ws, "own_purchases", as_of=shop.past.as_of, device="cpu")
    assert alone.parts == alone.windows[0].parts == older.parts


def test_what_was_answered_is_not_asked_again(shop: Shop, rolled: Evaluation) -> None:
    before = _kept(shop)
    again = evaluate(shop.ws, "own_purchases", as_of=shop.full.as_of, windows=2, device="cpu")
    assert _kept(shop) == before
    assert again.parts == rolled.parts
    assert again.run_id != rolled.run_id


def test_the_run_is_an_evaluation_and_registers_nothing(shop: Shop, rolled: Evaluation) -> None:
    client = Tracking(shop.ws).client
    run = client.get_run(rolled.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["kind"] == "evaluation"
    assert run.data.tags["model"] == "own_purchases"
    assert not client.search_model_versions(f"run_id = '{rolled.run_id}'")


def test_the_run_holds_the_report_its_plots_and_every_figure(
    shop: Shop, rolled: Evaluation
) -> None:
    tracking = Tracking(shop.ws)
    folder = tracking.artifacts(rolled.run_id)
    text = (folder / FILE).read_text()
    images = re.findall(r"!\[[^]]*]\(([^)]*)\)", text)
    assert sorted(images) == ["ndcg_by_model.png", "ndcg_by_segment.png", "ndcg_by_window.png"]
    for image in images:
        assert (folder / image).read_bytes().startswith(b"\x89PNG")
    run = tracking.client.get_run(rolled.run_id)
    logged = run.data.metrics
    everyone = rolled.parts[NEW]
    assert logged["new_ndcg_at_10"] == everyone.means["own_purchases"]["ndcg_at_10"].value
    assert logged["popularity.new_coverage_at_10"] == everyone.coverage["popularity"]
    lead = everyone.leads["popularity"]["recall_at_10"]
    assert logged["lead.popularity.new_recall_at_10_low"] == lead.low
    older = rolled.parts[SegmentList("orders_6_up", "all")].means["own_purchases"]["mrr_at_10"]
    assert logged["orders_6_up.mrr_at_10"] == older.value
    assert tracking.steps(rolled.run_id, "window.ndcg_at_10") == {1, 2}
    saved = json.loads((folder / "report.json").read_text(), parse_constant=_refuse)
    assert saved["windows"][1]["data_digest"] == rolled.windows[1].data_digest
    assert (
        saved["parts"]["everyone"]["new"]["leads"]["popularity"]["recall_at_10"]["low"] == lead.low
    )
    assert Path(folder / "config.yaml").exists()


@pytest.mark.slow
def test_the_lists_are_those_of_the_best_epoch_and_a_cut_off_training_goes_on(shop: Shop) -> None:
    told: list[int] = []

    def stop(_: str, epoch: int, __: dict[str, float]) -> None:
        told.append(epoch)
        if epoch == 2:
            raise OSError("no space left on device")

    def watch(_: str, epoch: int, __: dict[str, float]) -> None:
        told.append(epoch)

    def run(on_epoch: Callable[[str, int, dict[str, float]], None]) -> Evaluation:
        return evaluate(
            shop.ws,
            "two_tower",
            as_of=shop.full.as_of,
            config=SMALL,
            device="cpu",
            progress=Progress(on_epoch=on_epoch),
        )

    with pytest.raises(OSError, match="no space"):
        run(stop)
    found = run(watch)
    assert told[:3] == [1, 2, 2]
    (window,) = found.windows
    assert window.epochs == {"two_tower": _best(window.history)}
    assert window.epochs["two_tower"] < max(window.history)
    best = window.history[window.epochs["two_tower"]]
    for part, name in ((ALL, "ndcg_at_10"), (NEW, "new_ndcg_at_10")):
        mean = found.parts[part].means["two_tower"]["ndcg_at_10"].value
        assert mean == pytest.approx(best[name], abs=1e-12)
    assert not list((shop.ws.checkpoints / "evaluate").glob("*/training"))
    assert Tracking(shop.ws).client.get_run(found.run_id).info.status == "FINISHED"


def test_only_recommenders_are_ranked(shop: Shop) -> None:
    with pytest.raises(UnknownModel, match="'churn': not a recommender model"):
        evaluate(shop.ws, "churn", as_of=shop.full.as_of)


def _best(history: dict[int, dict[str, float]]) -> int:
    return max(history, key=lambda epoch: (history[epoch]["mean_ndcg_at_10"], -epoch))


def _kept(shop: Shop) -> dict[Path, int]:
    files = (shop.ws.checkpoints / "evaluate").glob(f"*-{code_digest()}/lists.npz")
    return {file: file.stat().st_mtime_ns for file in files}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
