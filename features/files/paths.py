"""The files that a command line names."""

import glob
from collections.abc import Sequence
from pathlib import Path

from features.schema import BadInput


def matching_files(names: Sequence[Path]) -> list[Path]:
    """Return the files of `names`, in order; a name of no file is a pattern (*, ?, **).

    Raises BadInput for a pattern without files, and for a file that is named twice.
    """
    files: list[Path] = []
    for name in names:
        if name.exists() or not glob.has_magic(str(name)):
            files.append(name)
            continue
        matches = sorted(map(Path, glob.glob(str(name), recursive=True)))  # noqa: PTH207  # absolute too
        if not matches:
            raise BadInput(file=str(name), rule="no file matches this pattern")
        files += matches
    for file in files:
        if files.count(file) > 1:
            raise BadInput(file=str(file), rule="the file is named twice")
    return files
