"""One librdkafka client, awaited without blocking the event loop, that says why it cannot reach a broker.

librdkafka itself only ever times out; the real cause (a refused login, a wrong CA) arrives in ``error_cb`` and in its log,
which are served here while a request waits. A client that failed is thrown away, so that the next try starts afresh.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kafkade.api.errors import ClusterUnreachable, KafkadeError
from kafkade.clients.kafka_config import Security, librdkafka_config
from kafkade.clients.kafka_way import CLOSED_BY_PEER, MARGIN, Cause, build_error, is_all_down, way_error

log = logging.getLogger("kafkade.librdkafka")

FATAL_GRACE = 1.0
"""Seconds to wait on when all brokers are down and one refused the login or failed the TLS handshake."""

DOWN_GRACE = 4.0
"""Seconds that brokers get to come back when all of them are down for another reason."""

_TICK = 0.05

K = TypeVar("K", bound=Hashable)
Start = Callable[[AdminClient], Mapping[K, "Future[Any]"]]


class _Lines(logging.Logger):
    """librdkafka's log: never to stderr, all of it at DEBUG, and what it says of closed connections to ``closed``."""

    def __init__(self, closed: Callable[[str], None]) -> None:
        super().__init__(log.name)
        self._closed = closed

    def log(self, level: int, msg: object, *args: object, **_: Any) -> None:
        """Called by confluent_kafka with the facility, the client's name and the line."""
        line = str(msg) % args if args else str(msg)
        log.debug("%s", line)
        if line.startswith("FAIL") and CLOSED_BY_PEER in line:
            self._closed(line.rpartition("]: ")[2])


class _Client:
    """An AdminClient with what it said of its connections. Its callbacks run where ``listen`` is called."""

    def __init__(self, security: Security, timeout: float) -> None:
        self.cause: Cause | None = None
        self.fatal_since: float | None = None
        self.down_since: float | None = None
        self.users = 0
        self.used = False
        self.served = False
        self.retired = False
        config = librdkafka_config(security, timeout) | {"error_cb": self._error}
        try:
            self.admin: AdminClient | None = AdminClient(config, logger=_Lines(self._closed))
        except KafkaException as error:
            raise build_error(error.args[0]) from error

    def _error(self, error: ForeignError) -> None:
        if is_all_down(error.code()):
            self.down_since = self.down_since or time.monotonic()
        else:
            self._because(Cause(error.code(), error.str()))

    def _closed(self, line: str) -> None:
        self._because(Cause(ForeignError._TRANSPORT, line))

    def _because(self, cause: Cause) -> None:
        if self.cause is None or cause.rank >= self.cause.rank:
            self.cause = cause
        if cause.fatal:
            self.fatal_since = self.fatal_since or time.monotonic()
        if cause.concerns_all:
            self.down_since = self.down_since or time.monotonic()

    def listen(self) -> None:
        """Take what librdkafka has to say; it hands over one event a call."""
        for _ in range(100):
            if self.admin is None or not self.admin.poll(0):
                return

    def forget(self) -> None:
        """Older trouble explains nothing any more."""
        self.cause = self.fatal_since = self.down_since = None

    @property
    def hopeless(self) -> bool:
        """Whether waiting on makes no sense: all brokers are down, for good as it seems or for a while already."""
        if self.down_since is None:
            return False
        grace = DOWN_GRACE if self.fatal_since is None else FATAL_GRACE
        return time.monotonic() - max(self.down_since, self.fatal_since or 0.0) > grace

    def destroy(self) -> None:
        """Drop the last reference, which waits for librdkafka's threads: never on the event loop."""
        self.admin = None


class Link:
    """Awaits librdkafka's answers. ``timeout`` in seconds bounds each request."""

    def __init__(self, security: Security, timeout: float) -> None:
        self._security = security
        self._timeout = timeout
        self._client: _Client | None = None
        self._making = asyncio.Lock()
        self._closed = False
        self.answered_at = float("-inf")
        """When a broker answered last, on time.monotonic's clock."""
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="kafkade-librdkafka")

    async def call(self, start: Start[K], *, repeatable: bool = False) -> dict[K, Any | ForeignError]:
        """Start a request and await all its futures: by key the result, or the broker's error for that key alone.

        librdkafka waits in vain for a controller that was stopped, although other brokers are up and any would do. A
        ``repeatable`` request that runs out of time like that is started once more, by a fresh client.

        Raises:
            ClusterUnreachable, AuthenticationFailed, TLSFailed: no broker answered, with the cause.
            InvalidSpec: librdkafka refuses the settings.
        """
        client = await self._acquire()
        promising = repeatable and client.served
        try:
            return await self._ask(client, start)
        except ClusterUnreachable as error:
            if not promising or client.down_since is not None:
                raise
            log.debug("%s; asking again on new connections", error.message)
        return await self._ask(await self._acquire(), start)

    async def _ask(self, client: _Client, start: Start[K]) -> dict[K, Any | ForeignError]:
        """Ask an acquired client and release it; it is retired when it fails."""
        try:
            assert client.admin is not None  # noqa: S101 -- an acquired client is not destroyed before its release
            futures = start(client.admin)
            await self._wait(client, futures)
            answers = {key: _answer(future) for key, future in futures.items()}
            self._check(answers, client)
            client.forget()
            client.served = True
            self.answered_at = time.monotonic()
        except KafkadeError:
            self._retire(client)
            raise
        finally:
            self._release(client)
        return answers

    async def call_blocking(self, work: Callable[[AdminClient], Any]) -> Any:
        """The same for a call of AdminClient that blocks; it runs in a worker thread.

        Raises:
            KafkadeError: as ``call``.
        """
        answers = await self.call(lambda admin: {"": self._workers.submit(work, admin)})
        answer = answers[""]
        if isinstance(answer, ForeignError):
            raise way_error(Cause(answer.code(), answer.str()), self._security, self._timeout)
        return answer

    async def close(self) -> None:
        """Close the connections once running requests have their answers; new ones get ClusterUnreachable."""
        self._closed = True
        if self._client is not None:
            self._retire(self._client)
        self._workers.shutdown(wait=False)

    async def _acquire(self) -> _Client:
        async with self._making:
            check_open(self._closed)
            if self._client is None:
                loop = asyncio.get_running_loop()
                # loading CAs takes tens of milliseconds
                self._client = await loop.run_in_executor(self._workers, _Client, self._security, self._timeout)
                self._retire_if_closed(self._client)
            if self._client.users == 0 and self._client.used:
                # what happened while nobody asked, an idle connection closed for example
                self._client.listen()
                self._client.forget()
            self._client.users += 1
            self._client.used = True
            return self._client

    def _retire_if_closed(self, client: _Client) -> None:
        """Closed while the client was made."""
        if self._closed:
            self._retire(client)
        check_open(self._closed)

    def _release(self, client: _Client) -> None:
        client.users -= 1
        self._bury(client)

    def _retire(self, client: _Client) -> None:
        client.retired = True
        if self._client is client:
            self._client = None
        self._bury(client)

    def _bury(self, client: _Client) -> None:
        if client.retired and client.users == 0 and client.admin is not None:
            try:
                self._workers.submit(client.destroy)
            except RuntimeError:  # the pool is shut down already
                threading.Thread(target=client.destroy, daemon=True).start()

    async def _wait(self, client: _Client, futures: Mapping[K, Future[Any]]) -> None:
        loop = asyncio.get_running_loop()
        done = _all_done(futures, loop)
        started = time.monotonic()
        while not done.done():
            await asyncio.wait((done,), timeout=_TICK)
            if done.done():
                break
            client.listen()
            waited = time.monotonic() - started
            if client.hopeless or waited > self._timeout + MARGIN:
                raise way_error(client.cause, self._security, self._timeout)

    def _check(self, answers: Mapping[K, Any], client: _Client) -> None:
        """Errors of librdkafka's own speak of the whole request."""
        for answer in answers.values():
            if isinstance(answer, ForeignError) and answer.code() < 0:
                client.listen()
                cause = client.cause or Cause(answer.code(), answer.str())
                raise way_error(cause, self._security, self._timeout)


def check_open(closed: bool) -> None:
    """Raises ClusterUnreachable when ``closed``: whoever still holds a connection that was replaced tries again."""
    if closed:
        raise ClusterUnreachable("this connection to Kafka is closed: its KafkaCluster or a Secret changed or is gone")


def _all_done(futures: Mapping[K, Future[Any]], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """One asyncio future for all: a wrapped future for each of a thousand topics would wake the loop a thousand times."""
    done: asyncio.Future[None] = loop.create_future()
    lock, left = threading.Lock(), len(futures)

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def one_less(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last and not loop.is_closed():
            loop.call_soon_threadsafe(finish)

    for future in list(futures.values()):
        future.add_done_callback(one_less)
    return done


def _answer(future: Future[Any]) -> Any | ForeignError:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KafkaException) and isinstance(error.args[0], ForeignError):
        return error.args[0]
    raise ClusterUnreachable(f"librdkafka failed: {error!r}") from error
