"""Ablations: each variant is trained as its settings say, to its last epoch, and nothing twice."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from configs.loader import ConfigError
from features.workspace import Workspace
from tests.contracts import RUN
from tests.training.shop import Shop
from training.__main__ import app
from training.ablate import FILE, PARTS, WHOLE, Ablation, ablate, grid
from training.evaluation.recommender_judge import recommender_judge
from training.models import UnknownModel, config_class
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.registry.tracking import Tracking
from training.run import SILENT, Progress

SMALL = TwoTowerConfig(
    epochs=2, embedding_dim=4, hidden=8, weeks=2, learning_rate=0.02, without=("decay",)
)
ASKED = ("repeats", "new_loss")


def small(shop: Shop, progress: Progress = SILENT) -> Ablation:
    """Return the ablation of a small model, with two seeds."""
    return ablate(
        shop.ws,
        "two_tower",
        as_of=shop.full.as_of,
        config=SMALL,
        seeds=2,
        parts=ASKED,
        device="cpu",
        progress=progress,
    )


@pytest.fixture(scope="module")
def found(shop: Shop) -> Ablation:
    return small(shop)


def test_a_variant_is_the_model_of_its_settings_after_the_last_epoch(
    shop: Shop, found: Ablation
) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    variants = {
        WHOLE: SMALL,
        "repeats": SMALL.model_copy(update={"without": ("decay", "repeats")}),
        "new_loss": SMALL.model_copy(update={"new_weight": 0.0}),
    }
    ndcg = {WHOLE: np.zeros(2), "repeats": np.zeros(2), "new_loss": np.zeros(2)}
    for variant, config in variants.items():
        for seed in (0, 1):
            model = TwoTower.fit(shop.past, config=config, seed=seed, run=RUN)
            ndcg[variant][seed] = judge.measure(model).metrics["ndcg_at_10"]
    rows = found.figures.query("segment == 'everyone' and list == 'all'")
    assert list(rows["without"]) == list(variants)
    assert set(rows["customers"]) == {len(judge.queries)}
    by_seed = rows[["ndcg_at_10_seed_0", "ndcg_at_10_seed_1"]].to_numpy()
    np.testing.assert_allclose(by_seed, np.stack(list(ndcg.values())), atol=1e-12)
    np.testing.assert_allclose(rows["ndcg_at_10"], by_seed.mean(1), atol=1e-12)
    np.testing.assert_allclose(rows["lead"], by_seed.mean(1)[0] - by_seed.mean(1), atol=1e-12)
    assert (rows["lead_low"] <= rows["lead"]).all()
    assert (rows["lead"] <= rows["lead_high"]).all()


@pytest.mark.slow
def test_what_was_cut_off_goes_on_and_nothing_is_trained_twice(shop: Shop, found: Ablation) -> None:
    told: list[tuple[str, int]] = []
    again = small(shop, Progress(on_epoch=lambda phase, epoch, _: told.append((phase, epoch))))
    assert told == []
    pd.testing.assert_frame_equal(again.figures, found.figures)

    def stop(phase: str, epoch: int, _: dict[str, float]) -> None:
        if (phase, epoch) == ("without title", 2):
            raise OSError("no space left on device")

    def run(progress: Progress) -> Ablation:
        return ablate(
            shop.ws,
            "two_tower",
            as_of=shop.full.as_of,
            config=SMALL,
            seeds=1,
            parts=["title", "id"],
            device="cpu",
            progress=progress,
        )

    with pytest.raises(OSError, match="no space"):
        run(Progress(on_epoch=stop))
    resumed = run(Progress(on_epoch=lambda phase, epoch, _: told.append((phase, epoch))))
    assert told == [("without title", 2), ("without id", 1), ("without id", 2)]
    assert not list((shop.ws.checkpoints / "ablate").glob("*/training"))
    assert Tracking(shop.ws).client.get_run(resumed.run_id).info.status == "FINISHED"


def test_the_run_holds_every_figure(shop: Shop, found: Ablation) -> None:
    tracking = Tracking(shop.ws)
    text = (tracking.artifacts(found.run_id) / FILE).read_text()
    pd.testing.assert_frame_equal(pd.read_csv(StringIO(text)), found.figures)
    run = tracking.client.get_run(found.run_id)
    assert run.data.tags["kind"] == "ablation"
    chosen = found.figures.query("without == 'repeats' and segment == 'everyone'")
    row = chosen.set_index("list").loc["new"]
    assert run.data.metrics["repeats.new.lead"] == row["lead"]
    assert run.data.metrics["repeats.new.ndcg_at_10"] == row["ndcg_at_10"]
    assert run.data.params["seeds"] == "2"


def test_the_table_has_a_row_a_variant(found: Ablation) -> None:
    shown = grid(found)
    assert [row[0] for row in shown.rows] == [WHOLE, *ASKED]
    assert shown.columns[1::3] == ("all", "new")
    assert shown.rows[0][2:4] == ("", "")
    assert {len(row) for row in shown.rows} == {len(shown.columns)}


@pytest.mark.parametrize("model", PARTS)
def test_every_part_is_a_setting_that_is_not_the_default(model: str) -> None:
    config = config_class(model)
    for settings in PARTS[model].values():
        assert config(**settings) != config()


def test_unknown_names_are_refused(shop: Shop) -> None:
    with pytest.raises(UnknownModel, match="'ease': parts can be left out only of two_tower"):
        ablate(shop.ws, "ease", as_of=shop.full.as_of)
    with pytest.raises(ConfigError, match="parts = 'wings': those of two_tower are id, title"):
        ablate(shop.ws, "two_tower", as_of=shop.full.as_of, parts=["id", "wings"])


def test_the_command_prints_the_table(shop: Shop) -> None:
    Workspace.create(shop.ws.home, clock=f"fixed:{shop.full.as_of.isoformat()}")
    asked = ["ablate", "two_tower", "--as-of", str(shop.full.as_of.date()), "--seeds", "1"]
    settings = ["--parts", "id", "epochs=1", "embedding_dim=4", "weeks=2"]
    done = CliRunner().invoke(
        app, [*asked, *settings, "--home", str(shop.ws.home)], env={"COLUMNS": "120"}
    )
    assert done.exit_code == 0, done.output
    assert "NDCG@10 of two_tower without a part" in done.output
