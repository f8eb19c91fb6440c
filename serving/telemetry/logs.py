"""What the service says on stderr: JSON, a line each, that tells nothing of a customer.

A request's line names endpoint, status and milliseconds, never what was asked or answered. Within a
request an error is told by its type and where it arose: its text may quote what was asked.
"""

import logging
import queue
import sqlite3
import sys
import threading
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from configs.code import ROOT
from serving.telemetry import metrics

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""Of the request that this task, or a thread it waits for, answers."""
SLOW_S: Final = 1.0
"""Requests that take longer are always logged."""
REQUESTS: Final = logging.getLogger("serving.requests")
_OURS: Final = ("configs", "features", "training", "experiments", "serving")
_QUEUED: Final = 10_000
_PLAIN: Final = (sqlite3.Error, OSError)  # their texts name tables and files, never values


class Lines(logging.Handler):
    """Turns records into lines that a thread writes: who logs never waits for the stream.

    Lines that come faster than they can be written are dropped and counted.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of `record`."""
        if self._lines.qsize() > _QUEUED:
            metrics.LINES_DROPPED.inc()
            return
        try:
            self._lines.put(line(record))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write what is queued and end the thread."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join()
        super().close()

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._stream.write(text.decode() + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more, or it is closed
                metrics.LINES_DROPPED.inc()


def start(*, all_requests: bool, stream: TextIO = sys.stderr) -> Lines:
    """Let all that our code logs in this process go to `stream`; `close` ends it.

    Of requests these are the refused, failed and slow ones, with `all_requests` every one.
    """
    lines = Lines(stream)
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [lines], False
        logger.setLevel(logging.INFO)
    REQUESTS.setLevel(logging.INFO if all_requests else logging.WARNING)
    return lines


def line(record: logging.LogRecord) -> bytes:
    """Return `record` as JSON."""
    request_id = REQUEST_ID.get()
    within = request_id is not None
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _message(record, within=within),
    }
    if within:
        fields["request_id"] = request_id
    fields |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[1] is not None:
        fields["error"] = told(record.exc_info[1], within=within)
        fields["at"] = list(_frames(record.exc_info[1]))
    return msgspec.json.encode(fields)


def told(error: BaseException, *, within: bool) -> str:
    """Return what may be said of `error`, and of what caused it, `within` a request or outside.

    >>> told(KeyError("anna"), within=True)
    'KeyError'
    >>> told(KeyError("anna"), within=False)
    "KeyError: 'anna'"
    """
    said = type(error).__name__
    if not within or isinstance(error, _PLAIN):
        said += f": {error}"
    return f"{said}, from {told(error.__cause__, within=within)}" if error.__cause__ else said


def _message(record: logging.LogRecord, *, within: bool) -> str:
    if not isinstance(record.args, tuple):
        return record.getMessage()
    args = (told(a, within=within) if isinstance(a, BaseException) else a for a in record.args)
    return str(record.msg) % tuple(args) if record.args else str(record.msg)


def _frames(error: BaseException) -> Iterator[str]:
    """Yield where `error` arose, outermost first; no line of code, which may hold values."""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
        yield f"{name}:{frame.lineno} {frame.name}"
