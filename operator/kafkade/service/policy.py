"""What a service does with records whose processing fails: the policy.json of a KafkaDLQPolicy, as mounted, and what follows.

A ConfigMap that is mounted changes while the service runs. ``MountedPolicy`` looks at the file now and then; a text that is no
policy is told and changes nothing. Decisions are pure.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from kafkade.api.dlq import ErrorAction, RetryStrategy
from kafkade.dlq.render_policy import FileTopic, PolicyFile
from kafkade.service.errors import DeserializationException, PolicyError

log = logging.getLogger("kafkade.service")

FILE = "policy.json"

WITHOUT_POLICY_ATTEMPTS = 3
"""Attempts at a record of a topic that no policy is for, after which the listener stops, so that nothing is lost."""

_WITHOUT_POLICY_DELAYS = (0.1, 0.2)
"""Seconds between them."""


class Do(StrEnum):
    """What becomes of a record now."""

    AGAIN = "again"
    RETRY_TOPIC = "retry topic"
    DEAD_LETTER = "dead letter"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Decision:
    """``topic``: where it goes, for RETRY_TOPIC and DEAD_LETTER; ``delay``: seconds to wait, for AGAIN."""

    do: Do
    topic: str = ""
    delay: float = 0.0


class Policy:
    """A policy.json and what can be asked of it."""

    def __init__(self, file: PolicyFile | None = None) -> None:
        self._file = file
        self._sources: dict[str, str] = {}
        self._delays: dict[str, float] = {}
        for name, topics in file.topics.items() if file is not None else ():
            self._sources[name] = name
            for retry in topics.retry_topics:
                self._sources[retry.topic] = name
                self._delays[retry.topic] = retry.delay_ms / 1000

    @classmethod
    def parse(cls, text: str | bytes, name: str = FILE) -> Policy:
        """The policy of a file's text; ``name`` is for messages.

        Raises:
            PolicyError: it is none, or one that a newer kafkade wrote; says which field is wrong.
        """
        try:
            return cls(PolicyFile.model_validate_json(text))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "its text"
            raise PolicyError(f"{name} is no policy that this kafkade knows: {where}: {first['msg']}") from error

    def source(self, topic: str) -> str:
        """The source topic that a retry topic belongs to; any other topic itself."""
        return self._sources.get(topic, topic)

    def delay(self, topic: str) -> float:
        """Seconds that a record waits in a topic: 0 for all but retry topics. Jitter is drawn anew each time."""
        found = self._delays.get(topic, 0.0)
        return self._jittered(found) if found else 0.0

    def retry_topics(self, topic: str) -> tuple[str, ...]:
        """The retry topics of a source topic, which its listeners read too."""
        topics = self._topics(topic)
        return () if topics is None else tuple(retry.topic for retry in topics.retry_topics)

    def dead_letter_topic(self, topic: str) -> str | None:
        """The dead-letter topic of a source topic; None where no policy is for it."""
        topics = self._topics(topic)
        return None if topics is None else topics.dead_letter_topic

    def decide(self, topic: str, error: BaseException, attempt: int) -> Decision:
        """What becomes of a record of ``topic``, or of one of its retry topics, after ``attempt`` attempts.

        A record that cannot be read is not tried again unless a route says so: its bytes stay as they are.
        """
        source = self.source(topic)
        topics = self._topics(source)
        if self._file is None or topics is None:
            return self._without_policy(error, attempt)
        action = self._action(error)
        if action is ErrorAction.SKIP:
            return Decision(Do.SKIP)
        if action is ErrorAction.STOP:
            return Decision(Do.STOP)
        if action is ErrorAction.DEAD_LETTER or attempt >= self._file.retry.max_attempts:
            return Decision(Do.DEAD_LETTER, topics.dead_letter_topic)
        if self._file.retry.strategy is RetryStrategy.RETRY_TOPICS and attempt <= len(topics.retry_topics):
            return Decision(Do.RETRY_TOPIC, topics.retry_topics[attempt - 1].topic)
        return Decision(Do.AGAIN, delay=self._jittered(self._file.delays_ms[attempt - 1] / 1000))

    def _topics(self, source: str) -> FileTopic | None:
        return None if self._file is None else self._file.topics.get(source)

    def _action(self, error: BaseException) -> ErrorAction:
        assert self._file is not None  # noqa: S101 -- decide() looked
        names = tuple(_names(error))
        for route in self._file.routes:
            if any(fits(route.exception, name) for name in names):
                return route.action
        if isinstance(error, DeserializationException) and self._file.default_action is ErrorAction.RETRY:
            return ErrorAction.DEAD_LETTER
        return self._file.default_action

    def _jittered(self, delay: float) -> float:
        jitter = self._file.retry.backoff.jitter if self._file is not None else 0.0
        return delay * (1 - jitter * random.random())  # noqa: S311 -- no secret depends on it

    @staticmethod
    def _without_policy(error: BaseException, attempt: int) -> Decision:
        if isinstance(error, DeserializationException) or attempt >= WITHOUT_POLICY_ATTEMPTS:
            return Decision(Do.STOP)
        return Decision(Do.AGAIN, delay=_WITHOUT_POLICY_DELAYS[attempt - 1])


def fits(route: str, name: str) -> bool:
    """Whether a route's class, with or without its package, is the class of this qualified name."""
    return route == name or name.endswith(f".{route}")


def _names(error: BaseException) -> Iterator[str]:
    """The qualified names of an exception's class, of the classes above it, and of the exceptions that it came from."""
    seen: BaseException | None = error
    while seen is not None:
        for cls in type(seen).__mro__:
            if cls not in (object, BaseException):
                yield f"{cls.__module__}.{cls.__qualname__}"
        seen = seen.__cause__


class MountedPolicy:
    """The policy in a file, which may change. ``current`` is the last one that could be read."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.current = Policy()
        if path is not None:
            self._seen = _identity(path)
            self.current = Policy.parse(_read(path), str(path))

    def reload(self) -> bool:
        """Look at the file; whether there is another policy now. One stat() when nothing changed."""
        if self._path is None:
            return False
        identity: tuple[int, int, int] | None = None
        try:
            identity = _identity(self._path)
            if identity == self._seen:
                return False
            policy = Policy.parse(_read(self._path), str(self._path))
        except PolicyError as error:
            # told once for each file that is wrong, and once when it is gone
            if identity != self._seen:
                log.error("the policy stays as it was: %s", error.message)  # noqa: TRY400 -- the message says it all
            self._seen = identity
            return False
        self._seen, self.current = identity, policy
        log.info("policy %s was read anew", self._path)
        return True


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> PolicyError:
    return PolicyError(
        f"{path} cannot be read ({error.strerror or error}): mount the ConfigMap of the KafkaDLQPolicy there"
    )
