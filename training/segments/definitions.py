"""The segments of a shop: those that every shop has, and those that its users define.

A definition is a filter under a key. Another filter under the same key is its next version; all
versions stay in `definitions.json`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd
import pydantic

from configs.json_files import DamagedFile, read_json, write_json
from configs.loader import Config
from training.segments.fields import KINDS
from training.segments.filter_parser import parse
from training.segments.filters import Filter
from training.segments.lifecycle import STATES
from training.segments.membership import OUTSIDE, SegmentError, groups_of
from training.segments.rfm import GROUP_NAMES

KEY: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""What a segment's key looks like: it is a part of a path and of a file's name."""
MOST: Final = 500
"""The most segments that a shop may define."""
_FILE: Final = "definitions.json"
_OTHERWISE: Final = "restore it from a copy, or remove it and define the segments again"


def _keyed(prefix: str, column: str, groups: tuple[str, ...]) -> dict[str, Filter]:
    by_group = groups_of(column, groups)
    return {f"{prefix}-{re.sub('[ _]', '-', g.lower())}": node for g, node in by_group.items()}


GROUPINGS: Final[dict[str, dict[str, Filter]]] = {
    "rfm": _keyed("rfm", "rfm_group", GROUP_NAMES),
    "lifecycle": _keyed("lifecycle", "lifecycle", STATES),
}
"""The segments that every shop has, by key; those of one grouping exclude each other."""
BUILT_IN: Final[dict[str, Filter]] = {
    key: node for grouping in GROUPINGS.values() for key, node in grouping.items()
}


class Definition(Config):
    """One version of a segment."""

    version: int = pydantic.Field(ge=1)
    filter: str
    """As `str` of the parsed filter writes it: times are in UTC."""
    defined_timestamp: pydantic.AwareDatetime
    """When it was defined, by the workspace's clock."""

    def parsed(self) -> Filter:
        """Return the filter. Raises FilterError if a field of it is no longer known."""
        return parse(self.filter, KINDS)


class Definitions:
    """The definitions stored in a folder. Writers hold the workspace's lock `segments`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE

    def history(self) -> dict[str, tuple[Definition, ...]]:
        """Return all versions of each segment by key, oldest first. Raises DamagedFile."""
        try:
            saved = read_json(self._file, otherwise=_OTHERWISE)
        except FileNotFoundError:
            return {}
        try:
            return {
                key: tuple(Definition.model_validate(version) for version in versions)
                for key, versions in sorted(saved["segments"].items())
            }
        except (KeyError, TypeError, AttributeError, pydantic.ValidationError) as error:
            raise DamagedFile(f"{self._file}: no definitions ({error}); {_OTHERWISE}") from error

    def current(self) -> dict[str, Definition]:
        """Return the newest version of each segment by key. Raises DamagedFile."""
        return {key: versions[-1] for key, versions in self.history().items()}

    def put(self, key: str, text: str, *, timezone: str, now: pd.Timestamp) -> Definition:
        """Store the filter `text` under `key`; return it, or the stored one if it is the same.

        `timezone` is the shop's, `now` its clock. Raises SegmentError for a key that no segment may
        have, FilterError for a text that is no filter.
        """
        check_key(key)
        written = str(parse(text, KINDS, timezone=timezone))
        history = self.history()
        versions = history.get(key, ())
        if versions and versions[-1].filter == written:
            return versions[-1]
        if not versions and len(history) >= MOST:
            raise SegmentError(
                f"segment {key!r}: a shop has at most {MOST} segments; remove one with "
                "`python -m training segments remove`"
            )
        added = Definition(
            version=len(versions) + 1, filter=written, defined_timestamp=now.to_pydatetime()
        )
        self._write(history | {key: (*versions, added)})
        return added

    def remove(self, key: str) -> None:
        """Remove all versions of `key`. Raises SegmentError if it is not defined."""
        history = self.history()
        if key not in history:
            raise unknown(key, history)
        self._write({other: versions for other, versions in history.items() if other != key})

    def _write(self, history: Mapping[str, tuple[Definition, ...]]) -> None:
        content = {k: [v.model_dump(mode="json") for v in vs] for k, vs in history.items()}
        write_json(self._file, {"segments": content})


def check_key(key: str) -> None:
    """Raise SegmentError unless a user may define a segment `key`.

    >>> check_key("big-spenders")
    """
    if not re.match(KEY, key) or key.endswith("\n"):
        raise SegmentError(
            f"segment {key!r}: a key is 1-63 of a-z, 0-9 and -, and does not begin with -"
        )
    prefix = key.partition("-")[0]
    if key == OUTSIDE or prefix in GROUPINGS:
        raise SegmentError(
            f"segment {key!r}: {OUTSIDE}, and keys that begin with {' or '.join(GROUPINGS)}, name "
            "what every shop has; choose another key"
        )


def unknown(key: str, known: Mapping[str, object]) -> SegmentError:
    """Return the error that there is no segment `key`, with the `known` ones."""
    shown = [*BUILT_IN, *(name for name in known if name not in BUILT_IN)]
    return SegmentError(f"segment {key!r}: no such segment; known are {', '.join(shown)}")
