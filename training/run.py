"""Where a training runs and whom it tells: what `fit` of every model takes besides its data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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


def _silent(epoch: int, metrics: dict[str, float]) -> None:
    """Tell nobody."""


def _silent_part(part: str, epoch: int, metrics: dict[str, float]) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training's surroundings; the default trains silently and cannot be resumed."""

    on_epoch: Callable[[int, dict[str, float]], None] = _silent
    """Called after each epoch (counted from 1) with its metrics; may raise to stop the training."""
    validate: Callable[[Any], dict[str, float]] | None = None
    """Given the model as it stands after an epoch, returns its metrics on a window that it did not
    train on; `fit` calls it before `on_epoch` and adds them to the epoch's metrics. `training.fit`
    counts the best epoch by it, then trains again on everything for so many epochs."""
    on_part: Callable[[str, int, dict[str, float]], None] = _silent_part
    """Called after each epoch of a part that a model of several parts trains, with its name."""
    checkpoints: Path | None = None
    """A folder that belongs to exactly this data, config and seed: a training that finds a
    checkpoint there goes on from it. Whoever made it removes it once the model is safe."""
    parts: Path | None = None
    """A folder where all trainings of a workspace leave the parts that they finished, under the
    key of what they are (not of the device), for those that need the same."""
    device: Device = "auto"
    """`auto` takes a GPU where there is one; `cuda` without one is an error."""

    def accelerator(self) -> Literal["cpu", "gpu"]:
        """Return Lightning's name of the device. Raises ConfigError for `cuda` without a GPU."""
        return "gpu" if usable(self.device) == "cuda" else "cpu"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Whom a measurement of several trainings tells how far it is."""

    on_epoch: Callable[[str, int, dict[str, float]], None] = _silent_part
    """Told the phase (model and window), the epoch (from 1) and its metrics."""
    on_model: Callable[[int, int], None] = lambda *_: None
    """Told how many models have answered, over all windows, and how many are asked."""
    on_build: Callable[[int, int], None] | None = None
