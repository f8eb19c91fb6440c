"""The models that nominate: each fitted once on the data before a time, stored, and loaded."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from configs.code import code_digest, digest_of
from configs.durable import placing
from configs.folder_checksums import check_files, write_checksums
from configs.json_files import DamagedFile
from configs.loader import Config
from training.interfaces import Recommender
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)
from training.recommenders.ease import Ease, EaseConfig
from training.recommenders.ials import IALS, IALSConfig
from training.recommenders.item_to_item import Cosine, CosineConfig, RP3Beta, RP3BetaConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

logger: Final = logging.getLogger(__name__)
Source = Literal["two_tower", "ease", "cosine", "rp3beta", "ials", "own_purchases", "popularity"]


SOURCES: Final[dict[str, tuple[type[Recommender], type[Config]]]] = {
    "two_tower": (TwoTower, TwoTowerConfig),
    "ease": (Ease, EaseConfig),
    "cosine": (Cosine, CosineConfig),
    "rp3beta": (RP3Beta, RP3BetaConfig),
    "ials": (IALS, IALSConfig),
    "own_purchases": (OwnPurchases, OwnPurchasesConfig),
    "popularity": (Popularity, PopularityConfig),
}
"""Each source's class and config."""


def fit_sources(
    data: "TrainingData",
    *,
    names: Sequence[Source],
    two_tower: TwoTowerConfig,
    seed: int,
    run: "Run",
) -> dict[str, Recommender]:
    """Return the sources called `names`, fitted on the data before `data.as_of`.

    `two_tower` is that source's config; the others use their defaults. Raises NotEnoughData.
    """
    return {
        name: _fitted(
            name,
            data,
            config=two_tower if name == "two_tower" else SOURCES[name][1](),
            seed=seed,
            run=run,
        )
        for name in names
    }


def _fitted(
    name: str, data: "TrainingData", *, config: Config, seed: int, run: "Run"
) -> Recommender:
    """Fit a source, or load it from `run.parts` if it was fitted on the same data and config."""
    inputs = (data.as_of.isoformat(), data.digest, code_digest())
    key = digest_of(name, config.model_dump(mode="json"), seed, *inputs)
    folder = None if run.parts is None else run.parts / key
    if folder is not None and folder.exists():
        try:
            check_files(folder, otherwise="it is fitted again")
            return load_source(name, folder)
        except DamagedFile as error:
            logger.warning("%s", error)
            shutil.rmtree(folder)

    def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
        run.on_part(f"{name} before {data.as_of:%Y-%m-%d %H:%M}Z", epoch, metrics)

    source_run = Run(
        on_epoch=on_epoch,
        checkpoints=None if run.checkpoints is None else run.checkpoints / key,
        device=run.device,
    )
    model: Recommender = SOURCES[name][0].fit(data, config=config, seed=seed, run=source_run)
    if folder is not None:
        with placing(folder) as temporary:
            model.save(temporary)
            write_checksums(temporary)
    return model


def load_source(name: str, folder: Path) -> Recommender:
    """Return source `name` as it was saved in `folder`."""
    return SOURCES[name][0].load(folder)
