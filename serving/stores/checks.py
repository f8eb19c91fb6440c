"""The stores' files, checked for damage at start, once a day, and when there is a reason."""

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configs.database_checks import check_file, copy_log, suspected
from configs.durable import content_stamp, identity

logger = logging.getLogger(__name__)
PAUSE_S: Final = 0.5
AGAIN_S: Final = 30.0
"""Seconds until a damaged file is checked again, if it does not change before."""
COPY_S: Final = 10.0
"""Seconds between two copies of what was written to a log into its file."""
DAILY_S: Final = 24 * 3600.0
FIRST_S: Final = 10.0
"""Longest wait of a starting service for the first check: it reads 100 MB a second."""


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """The last check of a file."""

    at_s: float
    """By the monotonic clock."""
    file: tuple[int, int] | None
    """Which file it was; None if it was missing."""
    stamp: tuple[int, ...]
    """What differs after a change of the file."""
    sound: bool


class StoreChecks:
    """Checks files; what is found is an outage of the store (configs.database_checks)."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)
        self._checked: dict[str, _Checked] = {}
        self._first = threading.Event()

    def wait(self) -> None:
        """Return when each file was checked once, or after FIRST_S."""
        self._first.wait(FIRST_S)

    def sound(self, name: str) -> bool:
        """Return whether the last check of the store `name` found nothing."""
        return name not in self._checked or self._checked[name].sound

    def follow(self, stop: threading.Event) -> None:
        """Check what is due until `stop` is set."""
        copied_at = time.monotonic()
        while not stop.is_set():
            copy = time.monotonic() - copied_at > COPY_S
            copied_at = time.monotonic() if copy else copied_at
            for name, path in self._files.items():
                try:
                    if self._due(name, path):
                        self._check(name, path, stop)
                    if copy and self.sound(name):
                        copy_log(path)
                except Exception:  # no file may end this thread
                    logger.exception("cannot check %s", path)
            self._first.set()
            stop.wait(PAUSE_S)

    def _due(self, name: str, path: Path) -> bool:
        last = self._checked.get(name)
        if last is None or last.file != _identity(path) or suspected(path):
            return True
        age_s = time.monotonic() - last.at_s
        if last.sound:
            return age_s > DAILY_S
        return age_s > AGAIN_S or _stamp(path) != last.stamp

    def _check(self, name: str, path: Path, stop: threading.Event) -> None:
        file, stamp, finding = _identity(path), _stamp(path), None
        try:
            check_file(path, stopped=stop.is_set)
        except sqlite3.Error as error:
            if stop.is_set():
                return
            finding = error
        was_sound = self.sound(name)
        self._checked[name] = _Checked(
            at_s=time.monotonic(), file=file, stamp=stamp, sound=finding is None
        )
        if finding is not None and was_sound:
            logger.error("%s is out: %s", name, finding)
        elif finding is None and not was_sound:
            logger.warning("%s is back: %s", name, path)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        return identity(path)
    return None


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what differs after `path` or its write-ahead log was changed."""
    stamp: tuple[int, ...] = ()
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            stamp += content_stamp(file)
    return stamp
