"""What each command that trains a model needs first: shop, cut, settings, display."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.cli import user_errors
from training.commands.options import cut_of

if TYPE_CHECKING:
    import pandas as pd

    from configs.loader import Config
    from features.workspace import Workspace
    from training.run import Progress


@dataclass(frozen=True, kw_only=True)
class Work:
    """The values of a command's options."""

    ws: "Workspace"
    as_of: "pd.Timestamp"
    config: "Config"
    progress: "Progress"


@contextmanager
def work_of(
    model: str,
    overrides: Sequence[str] | None,
    *,
    as_of: str | None,
    config: Path | None,
    home: Path,
) -> Iterator[Work]:
    """Open the shop and read the settings of `model`; show the progress of the block.

    An error that the user can correct, here or in the block, ends as one line.
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.commands.display import show
        from training.models import config_class

        ws = Workspace.open(home)
        settings = load_config(config_class(model), config, overrides or ())
        cut = cut_of(ws, as_of)
        with show(epochs=getattr(settings, "epochs", None)) as display:
            yield Work(ws=ws, as_of=cut, config=settings, progress=display.progress)
