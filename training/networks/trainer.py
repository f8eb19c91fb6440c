"""The training loop: Lightning over in-memory batches, reproducible and resumable."""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from configs.archives import keep_whole
from configs.durable import replacing
from training.run import Run

CHECKPOINT: Final = "last"


@dataclass(frozen=True)
class _Epoch:
    """One epoch's batches, the same each time that Lightning iterates over them.

    It is a class because Lightning would read a list as several loaders.
    """

    batches: Callable[[np.random.Generator], Iterator[Any]]
    seed: tuple[int, int]

    def __iter__(self) -> Iterator[Any]:
        return self.batches(np.random.default_rng(self.seed))


class Learner(pl.LightningModule):  # type: ignore[misc]  # the library is not typed for us
    """A network that learns from batches by AdamW and reports each epoch to its run.

    `batches(rng)` yields one epoch's batches, shuffled by `rng`; `loss(batch)` is a batch's mean
    loss; `model()` the current model, for `run.validate`. An epoch's random numbers depend on
    `seed` and the epoch only, so that a resumed training equals an uninterrupted one.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        batches: Callable[[np.random.Generator], Iterator[Any]],
        loss: Callable[[Any], Tensor],
        model: Callable[[], Any],
        learning_rate: float,
        weight_decay: float,
        learning_rate_decay: float = 1.0,
        seed: int,
        run: Run,
    ) -> None:
        super().__init__()
        self.net = net
        self._batches, self._loss, self._model = batches, loss, model
        self._learning_rate, self._weight_decay, self._learning_rate_decay = (
            learning_rate,
            weight_decay,
            learning_rate_decay,
        )
        self._seed, self._run = seed, run
        self._losses: list[Tensor] = []

    def train_dataloader(self) -> Iterable[Any]:
        return _Epoch(self._batches, (self._seed, self.current_epoch))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if batch_idx == 0:
            torch.manual_seed(self._seed * 1_000_003 + self.current_epoch)
            self._losses.clear()
        loss = self._loss(batch)
        self._losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:  # before the checkpoint, so that no report is lost
        metrics = {"loss": float(torch.stack(self._losses).mean())}
        if self._run.validate is not None:
            self.net.eval()
            metrics |= self._run.validate(self._model())
            self.net.train()
        self._run.on_epoch(self.current_epoch + 1, metrics)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.net.parameters(),
            lr=self._learning_rate,
            weight_decay=self._weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        return [optimizer], [
            torch.optim.lr_scheduler.ExponentialLR(optimizer, self._learning_rate_decay)
        ]


class _LastEpoch(ModelCheckpoint):  # type: ignore[misc]  # the library is not typed for us
    """Replaces one file after each epoch; no path is stored in it, as the workspace may move."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


class _DurableCheckpoints(TorchCheckpointIO):  # type: ignore[misc]  # untyped, as above
    """Replaces a checkpoint in one step: after a kill, or on a full disk, the one before stays."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, **_: Any) -> None:
        with replacing(Path(path)) as file:
            torch.save(checkpoint, file)


def train(learner: Learner, *, epochs: int, run: Run) -> None:
    """Train `learner` for `epochs`, from the checkpoint in `run.checkpoints` if there is one.

    Afterwards its network is on the CPU, in evaluation mode.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    learner.net.train()
    folder = run.checkpoints
    callbacks = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        callbacks.append(
            _LastEpoch(
                dirpath=folder,
                filename=CHECKPOINT,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
        )
    with torch.random.fork_rng(), warnings.catch_warnings():
        for message in (".*not have many workers", ".*exists and is not empty", ".*LeafSpec"):
            warnings.filterwarnings("ignore", message)
        trainer = pl.Trainer(
            accelerator=run.accelerator(),
            devices=1,
            max_epochs=epochs,
            callbacks=callbacks,
            plugins=[_DurableCheckpoints()],
            logger=False,
            enable_checkpointing=folder is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=1,
            deterministic=True,
        )
        saved = None if folder is None else folder / f"{CHECKPOINT}.ckpt"
        resume = saved if saved is not None and keep_whole(saved) else None
        trainer.fit(learner, ckpt_path=None if resume is None else str(resume))
    learner.net.cpu().eval()
