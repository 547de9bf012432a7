"""The operator's log on stderr: lines for people, or one JSON object a line for what collects logs."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from io import TextIOBase
from types import TracebackType
from typing import Any, TextIO

from kafkade.api import tracing
from kafkade.api.objects import Key
from kafkade.api.text import one_line, visible

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_Thrown = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LogFormat(StrEnum):
    """Forms of the log."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """What is logged: this and all that is graver."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class TextLine(logging.Formatter):
    """A record as a line for people. What a broker or a registry said in it begins no line of its own, and moves no cursor."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        """The line without a traceback."""
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- logging's name
        """Set in from the margin, where each line of the log begins."""
        return "\n".join("    " + line for line in visible(super().formatException(ei)).splitlines())


class JsonLine(logging.Formatter):
    """A record as one line: ``time``, ``level``, ``logger``, ``message``, and what applies of the rest.

    ``resource`` is the one that the line is about, ``fields`` what a caller gave in ``extra={"fields": …}`` stands beside,
    and ``error`` is an exception with its type, message and traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Never raises for what a record holds: what JSON does not know is told as text."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        resource = _resource(record)
        if resource is not None:
            line["resource"] = resource
        for name, value in getattr(record, "fields", {}).items():
            line.setdefault(name, value)
        line |= tracing.ids()
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = _error(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)


def _resource(record: logging.LogRecord) -> dict[str, str] | None:
    """The custom resource among the message's arguments, or that Kopf says the line is of."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    for argument in arguments:
        if isinstance(argument, Key):
            return argument._asdict()
    of_kopf = getattr(record, "k8s_ref", None)
    if isinstance(of_kopf, Mapping):
        return {part: str(of_kopf[part]) for part in Key._fields if of_kopf.get(part)}
    return None


def _error(thrown: _Thrown) -> dict[str, str]:
    kind, error, _ = thrown
    return {
        "type": "" if kind is None else f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "message": str(error),
        "traceback": "".join(traceback.format_exception(*thrown)).rstrip(),
    }


class _Strays(TextIOBase):
    """stderr for whatever writes to it past the log, a library for example: each line becomes one of the log's.

    What the log itself complains of comes here too, and is dropped where it is about such a line: nobody could be told.
    """

    def __init__(self) -> None:
        self._held = ""
        self._lock = threading.Lock()
        self._telling = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if getattr(self._telling, "now", False):
            return len(text)
        with self._lock:
            *lines, self._held = (self._held + text).split("\n")
        self._telling.now = True
        try:
            for line in filter(str.strip, lines):
                logging.getLogger("stderr").warning("%s", line)
        finally:
            self._telling.now = False
        return len(text)

    def flush(self) -> None:
        """A line that is not complete waits for its end."""


def set_up(level: Level, form: LogFormat, stream: TextIO | None = None) -> None:
    """Log to ``stream``, stderr by default. As JSON, all that this process has to say there is: uncaught errors, warnings too."""
    out = logging.StreamHandler(stream or sys.stderr)
    out.setFormatter(JsonLine() if form is LogFormat.JSON else TextLine())
    logging.basicConfig(level=level.value, handlers=[out], force=True)
    # Kopf tells of each event that it hands over
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    if form is LogFormat.JSON:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread
        sys.unraisablehook = _unraisable
        sys.stderr = _Strays()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("kafkade").critical("ended by an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        name = "" if told.thread is None else told.thread.name
        thrown = (told.exc_type, told.exc_value, told.exc_traceback)
        logging.getLogger("kafkade").error("thread %s ended by an error", name, exc_info=thrown)


def _unraisable(told: Any) -> None:
    thrown = (told.exc_type, told.exc_value, told.exc_traceback)
    logging.getLogger("kafkade").error("%s %r", told.err_msg or "error ignored in", told.object, exc_info=thrown)
