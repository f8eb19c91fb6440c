"""The files of a run: each is written in one step, where the workspace is now.

MLflow would write them to the path that it stored when the run began: in a copy of the workspace,
to the original.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.durable import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_text(file: Path, text: str) -> None:
    """Replace the content of `file` by `text`."""
    with replacing(file) as out:
        out.write(text.encode())


def write_yaml(file: Path, values: dict[str, Any]) -> None:
    """Replace the content of `file` by `values`, sorted by name."""
    import yaml

    write_text(file, yaml.safe_dump(values))


def write_figure(file: Path, figure: "Figure") -> None:
    """Replace the content of `file` by a picture in the format of its name's ending."""
    with replacing(file) as out:
        figure.savefig(out, format=file.suffix[1:])
