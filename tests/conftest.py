"""For all tests."""

from __future__ import annotations

import compileall
import logging
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from results import Result, record
from xdist.scheduler import LoadScopeScheduling

from support.places import ROOT

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that starts a command in the background has it ignore Ctrl-C, and children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

# by default slow examples are failures: of the machine, where it does other things beside
settings.register_profile("kafkade", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kafkade")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest --record``: suites that measure write docs/results/."""
    parser.addoption("--record", action="store_true", help="write figures into docs/results/ and docs/results.md")


class Begun:
    """Says which files the processes have begun with: pytest-xdist prints a dot a test, and nobody would know of which."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seen: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins in one of the processes."""
        file = nodeid.partition("::")[0]
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if file not in self._seen and reporter is not None:
            self._seen.add(file)
            reporter.write_line(f"\n{time.strftime('%H:%M:%S')} {file}")


def pytest_configure(config: pytest.Config) -> None:
    """Where others run the tests, this process tells of them."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Begun(config))


def pytest_sessionstart() -> None:
    """Where Python is told to write no bytecode, each process that a test starts would compile all of kafkade."""
    compileall.compile_dir(ROOT / "operator", quiet=1)


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out folders: the tests of one share what runs."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder:
    """Which of several processes runs a test."""
    return ByFolder(config, log)


@pytest.fixture(scope="session")
def record_result(pytestconfig: pytest.Config) -> Callable[[Result], Result]:
    """What a suite gives its figures to: they are written where pytest was called with ``--record``, else dropped."""
    return record if pytestconfig.getoption("record") else lambda result: result


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that runs in this process sets up logs, which other tests read: levels, and handlers that print."""
    loggers = [logging.getLogger(name) for name in (None, "kafkade", "kopf")]
    levels = [logger.level for logger in loggers]
    handlers = loggers[0].handlers[:]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in loggers[0].handlers[:]:
        if handler not in handlers:
            loggers[0].removeHandler(handler)
