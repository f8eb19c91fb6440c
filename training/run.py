"""Device, callbacks and folders of a training: what `fit` takes besides its data and config."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from configs.loader import ConfigError

Device = Literal["auto", "cpu", "cuda"]


def usable(device: Device) -> Literal["cpu", "cuda"]:
    """Return the device that `device` means on this machine: `auto` takes a GPU if there is one.

    Raises ConfigError for `cuda` without a GPU.
    """
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ConfigError("device = 'cuda': this machine has no usable GPU; take cpu or auto")
    return "cuda" if available and device != "cpu" else "cpu"


def _nothing(*_: object) -> None:
    """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The callbacks of a running command; the default shows nothing.

    An exception in a callback ends the command.
    """

    on_build: Callable[[int, int], None] = _nothing
    """Called with the number of snapshot files that exist, and the number needed."""
    on_epoch: Callable[[str, int, dict[str, float]], None] = _nothing
    """Called after each epoch with its phase (`choose`, `trial 3`, a model and its window), its
    number (from 1) and its metrics."""
    on_model: Callable[[int, int], None] = _nothing
    """Called with the number of models measured so far, over all windows, and their total."""


SILENT: Final = Progress()


@dataclass(frozen=True, kw_only=True)
class Run:
    """The environment of one training; the default trains silently and cannot be resumed."""

    on_epoch: Callable[[int, dict[str, float]], None] = _nothing
    """Called after each epoch (counted from 1) with its metrics; may raise to stop the training."""
    validate: Callable[[Any], dict[str, float]] | None = None
    """Takes the model after an epoch and returns its metrics on a window that it was not trained
    on; `fit` calls it before `on_epoch` and adds them to the epoch's metrics. `training.fit`
    chooses the best epoch by them, then trains again on all data for that number of epochs."""
    on_part: Callable[[str, int, dict[str, float]], None] = _nothing
    """Called after each epoch of one part of a model of several parts, with the part's name."""
    checkpoints: Path | None = None
    """A folder that belongs to exactly this data, config, seed and code: a training that finds a
    checkpoint there resumes from it. Its creator removes it once the model is stored."""
    parts: Path | None = None
    """A folder where all trainings of a workspace store their finished parts, under a key of
    the content (not of the device), for trainings that need the same part."""
    device: Device = "auto"
    """`auto` takes a GPU if there is one; `cuda` without one is an error."""

    def accelerator(self) -> Literal["cpu", "gpu"]:
        """Return Lightning's name of the device. Raises ConfigError for `cuda` without a GPU."""
        return "gpu" if usable(self.device) == "cuda" else "cpu"
