"""Where a training runs and what shows its progress: what `fit` takes besides its data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from configs.loader import ConfigError

Device = Literal["auto", "cpu", "cuda"]


def usable(device: Device) -> Literal["cpu", "cuda"]:
    """Return what `device` is on this machine: `auto` takes a GPU where there is one.

    Raises ConfigError for `cuda` without a GPU.
    """
    import torch

    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise ConfigError("device = 'cuda': this machine has no usable GPU; take cpu or auto")
    return "cuda" if found and device != "cpu" else "cpu"


def _nothing(*_: object) -> None:
    """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a command calls while it works; the default shows nothing.

    What a function raises ends the work.
    """

    on_build: Callable[[int, int], None] = _nothing
    """Called with the number of snapshot files that stand and of all that are needed."""
    on_epoch: Callable[[str, int, dict[str, float]], None] = _nothing
    """Called after each epoch with its phase (`choose`, `trial 3`, a model and its window), its
    number (from 1) and its metrics."""
    on_model: Callable[[int, int], None] = _nothing
    """Called with the number of models that were measured, over all windows, and of all of them."""


SILENT: Final = Progress()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training's surroundings; the default trains silently and cannot be resumed."""

    on_epoch: Callable[[int, dict[str, float]], None] = _nothing
    """Called after each epoch (counted from 1) with its metrics; may raise to stop the training."""
    validate: Callable[[Any], dict[str, float]] | None = None
    """Given the model as it stands after an epoch, returns its metrics on a window that it did not
    train on; `fit` calls it before `on_epoch` and adds them to the epoch's metrics. `training.fit`
    counts the best epoch by it, then trains again on everything for so many epochs."""
    on_part: Callable[[str, int, dict[str, float]], None] = _nothing
    """Called after each epoch of a part that a model of several parts trains, with its name."""
    checkpoints: Path | None = None
    """A folder that belongs to exactly this data, config, seed and code: a training that finds a
    checkpoint there goes on from it. Whoever made it removes it once the model is safe."""
    parts: Path | None = None
    """A folder where all trainings of a workspace leave the parts that they finished, under the
    key of what they are (not of the device), for those that need the same."""
    device: Device = "auto"
    """`auto` takes a GPU where there is one; `cuda` without one is an error."""

    def accelerator(self) -> Literal["cpu", "gpu"]:
        """Return Lightning's name of the device. Raises ConfigError for `cuda` without a GPU."""
        return "gpu" if usable(self.device) == "cuda" else "cpu"
