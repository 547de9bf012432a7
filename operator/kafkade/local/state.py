"""What kafkade knows of the resources that it keeps without Kubernetes: a SQLite file with one writer.

It holds for each resource what the API server holds in Kubernetes: its spec as applied, its status (topic ids, the settings
that kafkade set), finalizers and owner. Secrets are never in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO, Any

from kafkade.api.errors import ApiUnavailable, InvalidSpec
from kafkade.api.objects import Key

_VERSION = 1
_APPLICATION = 0x6B666B64
"""``kfkd``: tells a state file from any other SQLite file."""

Body = Mapping[str, Any]


def read(path: Path) -> dict[Key, Body]:
    """What a state file holds; nothing when there is none. Nothing is written.

    Raises:
        InvalidSpec: it is no state file, or one of a newer kafkade.
    """
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            _check(database, path)
            return _objects(database, path)
    except sqlite3.Error as error:
        raise InvalidSpec(f"{path} is no state file of kafkade: {error}") from error


class State:
    """A state file that is written to. Changes are kept by ``commit`` and all or none of them.

    Raises:
        InvalidSpec: another process writes to it, it cannot be written, it is no state file, or one of a newer kafkade.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as opening:
            self._lock = opening.enter_context(_locked(path))
            try:
                self._database = sqlite3.connect(path, timeout=10, isolation_level="IMMEDIATE")
                opening.callback(self._database.close)
                if not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self._make()
                _check(self._database, path)
                self.objects: dict[Key, Body] = _objects(self._database, path)
            except sqlite3.Error as error:
                raise InvalidSpec(f"{path} cannot be used as state file: {error}") from error
            opening.pop_all()

    def put(self, key: Key, body: Body) -> None:
        """Remember a resource."""
        self.objects[key] = body
        text = json.dumps(body, separators=(",", ":"))
        self._database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (*key, text))

    def remove(self, key: Key) -> None:
        """Forget a resource."""
        self.objects.pop(key, None)
        self._database.execute("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key)

    def commit(self) -> None:
        """What was changed survives a crash from here on. Raises ApiUnavailable when it could not be written."""
        try:
            self._database.commit()
        except sqlite3.Error as error:
            raise ApiUnavailable(f"{self.path} cannot be written: {error}") from error

    def close(self) -> None:
        """Let others write."""
        self._database.close()
        self._lock.close()

    def _make(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._database.execute(f"PRAGMA user_version = {_VERSION}")
        self._database.execute(
            "CREATE TABLE objects (kind TEXT, namespace TEXT, name TEXT, body TEXT NOT NULL,"
            " PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID"
        )
        self._database.commit()


def _objects(database: sqlite3.Connection, path: Path) -> dict[Key, Body]:
    rows: Iterable[tuple[str, str, str, str]] = database.execute("SELECT kind, namespace, name, body FROM objects")
    return {(key := Key(kind, namespace, name)): _object(body, key, path) for kind, namespace, name, body in rows}


def _object(text: str, key: Key, path: Path) -> Body:
    try:
        body = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidSpec(f"{path} is damaged: what it holds of {key} is no object; restore the file from a copy")
    return body


def _check(database: sqlite3.Connection, path: Path) -> None:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION:
        raise InvalidSpec(f"{path} is a SQLite file, but no state file of kafkade: give --state another name")
    if version > _VERSION:
        raise InvalidSpec(f"{path} was written by a newer kafkade (format {version}): use that one")


def _locked(path: Path) -> IO[str]:
    """The lock goes with the process, however it ends."""
    name = path.with_name(f"{path.name}.lock")
    try:
        file = name.open("a+")
    except OSError as error:
        raise InvalidSpec(f"{name} cannot be written: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InvalidSpec(f"{path} is in use by another kafkade (process {holder}): wait for it, or stop it") from None
    with suppress(OSError):
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file
