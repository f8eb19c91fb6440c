"""A training job: the model to train, its data, config, seed and code."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from configs.code import code_digest, digest_of, git_commit
from configs.loader import Config
from features.feast_store import register
from features.offline import OfflineFeatures
from features.tables import PinnedTables
from features.workspace import Workspace
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.evaluation.last_window import Judge, make_judge, window_days
from training.models import config_class, spec
from training.run import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model to train and its data: two jobs of one `key` give bit-equal weights."""

    ws: Workspace
    client: OfflineFeatures
    model: str
    config: Config
    seed: int
    as_of: pd.Timestamp
    earlier: TrainingData | None
    """What was known before the last window; None if that is too little to be measured after."""
    full: TrainingData
    data_digest: str
    code: str = field(default_factory=code_digest)
    """The digest of the code that makes the model."""

    @property
    def past(self) -> TrainingData:
        """What was known before the last window. Raises NotEnoughData if that is too little."""
        if self.earlier is None:
            raise self._too_short()
        return self.earlier

    def judge(self) -> Judge:
        """Return the judge of the last window. Raises NotEnoughData if it has nothing to judge."""
        days = window_days(self.model, self.config)
        return make_judge(self.model, self.full, at=self.past.as_of, days=days)

    def stored_rows(self, *, customers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return stored features of at most `customers` customers, and of all products, at the cut.

        They are what a packaged version takes.
        """
        ids = self.full.customers(self.as_of)[:customers]
        entities = pd.DataFrame({"customer_id": ids, "event_timestamp": self.as_of})
        return self.client.customers(entities), self.client.products(self.as_of)

    @property
    def is_short(self) -> bool:
        """Whether the data are too short to learn from and to be measured on."""
        horizon = self.as_of - pd.Timedelta(days=2 * window_days(self.model, self.config))
        predicts = spec(self.model).family.scores is not None
        return self.earlier is None or (predicts and self.full.first_known >= horizon)

    def refuse_short(self) -> None:
        """Raise NotEnoughData if the job `is_short`."""
        if self.is_short:
            raise self._too_short()

    def _too_short(self) -> NotEnoughData:
        days = window_days(self.model, self.config)
        return NotEnoughData(f"{_needed(self.model, days)}; {self.full.extent}")

    @property
    def work(self) -> str:
        """The digest of model, data, config and seed, without the code."""
        config = self.config.model_dump(mode="json")
        return digest_of(self.model, config, self.seed, self.as_of.isoformat(), self.data_digest)

    @property
    def key(self) -> str:
        """The name of this job with this code: `work`, then the digest of the code."""
        return f"{self.work}-{self.code}"

    @property
    def tags(self) -> dict[str, str]:
        """The inputs of this job, as tags of its MLflow run."""
        return {
            "model": self.model,
            "as_of": self.as_of.isoformat(),
            "data_digest": self.data_digest,
            "git_commit": git_commit(),
            "seed": str(self.seed),
        }

    @property
    def checkpoints(self) -> Path:
        """The folder of intermediate results that must not be computed twice."""
        return self.ws.checkpoints / self.key


def prepare(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Job:
    """Build the features up to `as_of` (UTC) and return the job of training on them.

    All data come from the current tables, whatever is ingested during the training. `config`
    defaults to the model's own. Raises WorkspaceError if nothing was known before `as_of`, and
    NotEnoughData, before anything is built, if nothing happened in the last window.
    """
    from features import snapshots

    config = config_class(model)() if config is None else config
    tables = PinnedTables(ws)
    days = window_days(model, config)
    cut = as_of - pd.Timedelta(days=days)
    first, last = snapshots.known_span(tables.paths, as_of)
    if last < cut:
        raise NotEnoughData(
            f"the last order line is of {last.isoformat()}, and {model} needs orders in the {days} "
            f"days before the cut, {as_of.isoformat()}: {snapshots.end_advice(ws, last)}"
        )
    short = first >= cut
    for time in (as_of,) if short else (cut, as_of):
        snapshots.build(ws, as_of=time, progress=progress.on_build, paths=tables.paths)
    register(ws)
    client = OfflineFeatures(ws)
    full = TrainingData(ws, client, as_of=as_of, tables=tables)
    return Job(
        ws=ws,
        client=client,
        model=model,
        config=config,
        seed=seed,
        as_of=as_of,
        earlier=None if short else full.before(cut),
        full=full,
        data_digest=full.digest,
    )


def _needed(model: str, days: int) -> str:
    """Return what a model needs to be measured on its window of `days` days."""
    if spec(model).family.scores is None:
        return (
            f"a recommender is measured on the last {days} days and learns from those before them: "
            f"more than {days} days are needed"
        )
    return (
        f"{model} learns from one horizon and is measured on the next: two horizons of {days} days "
        "are needed"
    )
