"""The temporary folder of one running part: data, logs, keys. Gone when the part has stopped."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

_PREFIX = "kafkade-devstack-"
_OWNER = "owner.lock"


class WorkDir:
    """A folder that is removed on ``remove()``, or by a later stack if this process was killed."""

    def __init__(self, part: str) -> None:
        sweep()
        # under its final name only once its lock is held: what is not locked is swept
        made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}{part}-"))
        self._owner = (made / _OWNER).open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(made.name.removeprefix(".")))

    def remove(self) -> None:
        self._owner.close()
        shutil.rmtree(self.path, ignore_errors=True)


def sweep() -> None:
    """Remove the folders whose owner is gone: its lock went with it."""
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        try:
            with (folder / _OWNER).open("r+") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # in use, made this moment, or another user's
        shutil.rmtree(folder, ignore_errors=True)
