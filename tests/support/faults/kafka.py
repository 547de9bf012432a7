"""A proxy for one broker. It knows where a request ends and of which kind it is, and nothing else of the protocol.

The broker has to advertise the proxy's port for the listener that is behind it, which must be one without TLS.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kafkade.devstack.ports import HOST
from support.faults.network import DELAY, PIECE, REFUSED, Listener, Network, owner, reset
from support.faults.schedule import Drawn, Fault, Schedule

WRITES = {
    19: "CreateTopics",
    20: "DeleteTopics",
    21: "DeleteRecords",
    33: "AlterConfigs",
    37: "CreatePartitions",
    42: "DeleteGroups",
    44: "IncrementalAlterConfigs",
    45: "AlterPartitionReassignments",
    47: "OffsetDelete",
}
"""Requests of an operator that change something; those of producers and groups are not among them."""
WEIGHT = 4.0
"""Of a write: an operator makes one where it reads dozens of times."""
_METADATA = {3: "Metadata", 75: "DescribeTopicPartitions"}
_NAMES = {**WRITES, **_METADATA, 0: "Produce", 1: "Fetch", 18: "ApiVersions", 32: "DescribeConfigs"}
_LOGIN = frozenset({17, 18, 36})
"""What a connection begins with."""
_ALWAYS = frozenset({Fault.REFUSE, Fault.RESET, Fault.DELAY, Fault.LOST_REPLY, Fault.DRIP, Fault.HALF_OPEN})
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A request of an operator's that changes something and was passed on; it came ``at`` a monotonic time."""

    who: str
    name: str
    at: float


@dataclass(slots=True, eq=False)
class _Connection:
    """Both ends, and what becomes of replies by their correlation ids."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    faults: dict[int, deque[Drawn | None]] = field(default_factory=lambda: defaultdict(deque))
    asked: dict[int, tuple[bytes, bool]] = field(default_factory=dict)
    hung: bool = False


class KafkaProxy:
    """``where`` is its name in the schedule; ``pids`` tells whose processes the connections are."""

    def __init__(
        self,
        network: Network,
        schedule: Schedule,
        where: str = "kafka",
        *,
        pids: Callable[[], dict[int, str]] = dict,
    ) -> None:
        self.written: list[Written] = []
        self.upstream = 0
        """The port of the broker's listener."""
        self.oldest = 5.0
        """Seconds that a stale read's reply is old at most: as far as a broker may be behind the controller."""
        self._network, self._schedule, self._where, self._pids = network, schedule, where, pids
        self._connections: set[_Connection] = set()
        self._replies: dict[bytes, deque[tuple[float, bytes]]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._listener = Listener(self._protocol, self._cut)

    @property
    def possible(self) -> frozenset[Fault]:
        """All that can become of some request."""
        return _ALWAYS | {Fault.DUPLICATE, Fault.STALE}

    @property
    def port(self) -> int:
        """What the broker is to advertise."""
        return self._listener.port

    @property
    def bootstrap(self) -> str:
        """The same as an address."""
        return f"{HOST}:{self.port}"

    def __enter__(self) -> KafkaProxy:
        self._network.call(self._listener.open)
        return self

    def __exit__(self, *_: object) -> None:
        self._network.call(self._listener.end)

    def refuse(self) -> None:
        """Listen no more, until :meth:`accept`."""
        self._network.call(self._listener.shut)

    def accept(self) -> None:
        """Listen again."""
        self._network.call(self._listener.open)

    def _protocol(self) -> asyncio.BaseProtocol:
        """What start_server() serves a connection by."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

    def _cut(self) -> None:
        for connection in list(self._connections):
            reset(connection.client.transport)
            reset(connection.broker.transport)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, broker = await asyncio.open_connection(HOST, self.upstream)
        except OSError:
            reset(client.transport)
            return
        connection = _Connection(client, broker)
        self._connections.add(connection)
        try:
            who = owner(client.transport, self._pids())
            ways = [self._requests(reader, connection, who), self._answers(answers, connection)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._connections.discard(connection)
            for end in (client, broker):
                end.close()

    async def _requests(self, reader: asyncio.StreamReader, connection: _Connection, who: str) -> None:
        while True:
            frame = await _frame(reader)
            asked = time.monotonic()
            key, _, correlation = struct.unpack_from(">hhi", frame, 4)
            if connection.hung:
                continue
            question = frame[4:8] + frame[12:]
            name, weight = _NAMES.get(key, f"request {key}"), WEIGHT if key in WRITES else 1
            drawn = self._schedule.draw(self._where, name, self._possible(key, question), weight)
            fault = drawn.fault if drawn is not None else None
            if drawn is not None and fault is Fault.REFUSE:
                self._listener.refuse_for(REFUSED * drawn.share)
                return
            if drawn is not None and fault is Fault.DELAY:
                await asyncio.sleep(DELAY * drawn.share)
            if drawn is not None and fault is Fault.STALE:
                known = self._known(question)
                connection.client.write(_answered(known[int(drawn.share * len(known))], correlation))
                continue
            if drawn is not None and fault is Fault.HALF_OPEN:
                connection.hung = True
                if drawn.share < 0.5:
                    continue
            connection.asked[correlation] = (question, key in _METADATA)
            if key in WRITES:
                self.written.append(Written(who, WRITES[key], asked))
            twice = fault is Fault.DUPLICATE
            # the reply to the first one of two is swallowed
            connection.faults[correlation].extend([None, drawn] if twice else [drawn])
            connection.broker.write(frame * 2 if twice else frame)
            await connection.broker.drain()

    def _possible(self, key: int, question: bytes) -> frozenset[Fault]:
        if key in _LOGIN:
            return _ALWAYS
        if key in WRITES:
            return _ALWAYS | {Fault.DUPLICATE}
        return _ALWAYS | {Fault.STALE} if key in _METADATA and self._known(question) else _ALWAYS

    def _known(self, question: bytes) -> list[bytes]:
        since = time.monotonic() - self.oldest
        return [frame for at, frame in self._replies.get(question, ()) if at >= since]

    async def _answers(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        client = connection.client
        while True:
            frame = await _frame(reader)
            (correlation,) = struct.unpack_from(">i", frame, 4)
            question, kept = connection.asked.get(correlation, (b"", False))
            if kept:
                self._replies[question].append((time.monotonic(), frame))
            faults = connection.faults[correlation]
            drawn = faults.popleft() if faults else None
            if faults or connection.hung:
                continue
            connection.faults.pop(correlation)
            connection.asked.pop(correlation, None)
            fault = drawn.fault if drawn is not None else None
            if fault is Fault.LOST_REPLY:
                reset(client.transport)
                return
            if drawn is not None and fault is Fault.RESET:
                client.write(frame[: int(len(frame) * drawn.share)])
                await asyncio.sleep(0.01)
                reset(client.transport)
                return
            piece = max(1, len(frame) // 20) if fault is Fault.DRIP else len(frame)
            for start in range(0, len(frame), piece):
                client.write(frame[start : start + piece])
                await client.drain()
                if fault is Fault.DRIP:
                    await asyncio.sleep(PIECE)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """A request or a reply with its length in front."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(struct.unpack(">i", size)[0])


def _answered(frame: bytes, correlation: int) -> bytes:
    """A reply, to another request of the same kind."""
    return frame[:4] + struct.pack(">i", correlation) + frame[8:]
