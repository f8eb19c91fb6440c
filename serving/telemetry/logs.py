"""The service's log on stderr: JSON lines without customer data.

The line of a request names endpoint, status and milliseconds, but no content of request or answer.
For an error during a request, it has the type and the place: the text may quote the request.
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
"""Id of the request that this task, or a thread that it waits for, handles."""
SLOW_S: Final = 1.0
"""Requests that take longer are always logged."""
REQUESTS: Final = logging.getLogger("serving.requests")
_OURS: Final = ("configs", "features", "training", "experiments", "serving")
_QUEUED: Final = 10_000
_PLAIN: Final = (sqlite3.Error, OSError)  # their texts name tables and files, but no values


class Lines(logging.Handler):
    """Formats records as lines that a thread writes: logging never waits for the stream.

    Lines are dropped and counted when they come faster than the thread can write.
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
        """Write the queued lines and end the thread."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join()
        super().close()

    def _write(self) -> None:
        while (queued := self._lines.get()) is not None:
            try:
                self._stream.write(queued.decode() + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # the reader is gone, or the stream is closed
                metrics.LINES_DROPPED.inc()


def start(*, all_requests: bool, stream: TextIO = sys.stderr) -> Lines:
    """Send the logs of our packages in this process to `stream`; `close` ends it.

    Logs refused, failed and slow requests; with `all_requests`, every request.
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
        fields["error"] = describe(record.exc_info[1], within=within)
        fields["at"] = list(_frames(record.exc_info[1]))
    return msgspec.json.encode(fields)


def describe(error: BaseException, *, within: bool) -> str:
    """Return the loggable text of `error` and its causes, `within` a request or outside.

    >>> describe(KeyError("anna"), within=True)
    'KeyError'
    >>> describe(KeyError("anna"), within=False)
    "KeyError: 'anna'"
    """
    text = type(error).__name__
    if not within or isinstance(error, _PLAIN):
        text += f": {error}"
    return f"{text}, from {describe(error.__cause__, within=within)}" if error.__cause__ else text


def _message(record: logging.LogRecord, *, within: bool) -> str:
    if not isinstance(record.args, tuple):
        return record.getMessage()
    args = (describe(a, within=within) if isinstance(a, BaseException) else a for a in record.args)
    return str(record.msg) % tuple(args) if record.args else str(record.msg)


def _frames(error: BaseException) -> Iterator[str]:
    """Yield the places of the traceback, outermost first; no code lines, they may hold values."""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
        yield f"{name}:{frame.lineno} {frame.name}"
