"""Each fault of the Kafka proxy, as a client and a broker see it: requests are frames, and a reply says whose it is."""

from __future__ import annotations

import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from support.faults.kafka import KafkaProxy
from support.faults.network import Network
from support.faults.schedule import Fault, Schedule

METADATA, CREATE = 3, 19


class Broker(socketserver.ThreadingTCPServer):
    """Answers each request with the number of those so far, and much else."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[int] = []


class _Answers(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        stream = self.request.makefile("rb")
        while len(size := stream.read(4)) == 4:
            request = stream.read(*struct.unpack(">i", size))
            key, _, correlation = struct.unpack_from(">hhi", request)
            self.server.asked.append(key)  # type: ignore[attr-defined]
            answer = struct.pack(">ii", correlation, len(self.server.asked)) + bytes(1000)  # type: ignore[attr-defined]
            try:
                self.request.sendall(struct.pack(">i", len(answer)) + answer)
            except OSError:
                return


@dataclass
class Client:
    port: int
    correlation: int = 0
    connection: socket.socket | None = field(default=None)

    def ask(self, key: int) -> int:
        """The number in the reply. Raises OSError, EOFError."""
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), 1.5)
        self.correlation += 1
        request = struct.pack(">hhih", key, 1, self.correlation, -1)
        self.connection.sendall(struct.pack(">i", len(request)) + request)
        correlation, number = struct.unpack_from(">ii", self._read(*struct.unpack(">i", self._read(4))))
        assert correlation == self.correlation
        return int(number)

    def _read(self, count: int) -> bytes:
        assert self.connection is not None
        found = b""
        while len(found) < count:
            more = self.connection.recv(count - len(found))
            if not more:
                raise EOFError
            found += more
        return found

    def again(self) -> None:
        """On a new connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@dataclass
class Ground:
    broker: Broker
    proxy: KafkaProxy
    schedule: Schedule
    client: Client


@pytest.fixture
def at() -> Iterator[Ground]:
    schedule = Schedule()
    with (
        Broker() as broker,
        Network() as network,
        KafkaProxy(network, schedule, pids=lambda: {os.getpid(): "test"}) as proxy,
    ):
        threading.Thread(target=broker.serve_forever, args=(0.02,), daemon=True).start()
        proxy.upstream = broker.server_address[1]
        client = Client(proxy.port)
        yield Ground(broker, proxy, schedule, client)
        client.again()
        broker.shutdown()


def test_without_faults_it_passes_all_on_and_knows_who_wrote(at: Ground) -> None:
    assert [at.client.ask(METADATA), at.client.ask(CREATE)] == [1, 2]
    (written,) = at.proxy.written
    assert (written.who, written.name) == ("test", "CreateTopics")


def test_refused_for_a_moment_and_until_told(at: Ground) -> None:
    at.client.ask(METADATA)
    at.schedule.force("kafka", Fault.REFUSE, share=0.2)
    with pytest.raises((OSError, EOFError)):
        at.client.ask(METADATA)
    at.client.again()
    with pytest.raises(ConnectionRefusedError):
        at.client.ask(METADATA)
    time.sleep(0.4)
    assert at.client.ask(METADATA) == 2
    at.proxy.refuse()
    at.client.again()
    with pytest.raises(ConnectionRefusedError):
        at.client.ask(METADATA)
    at.proxy.accept()
    assert at.client.ask(METADATA) == 3


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOST_REPLY])
def test_carried_out_and_then_reset(at: Ground, fault: Fault) -> None:
    at.schedule.force("kafka", fault)
    with pytest.raises((OSError, EOFError)):
        at.client.ask(CREATE)
    assert at.broker.asked == [CREATE]
    at.client.again()
    assert at.client.ask(CREATE) == 2


def test_delayed(at: Ground) -> None:
    at.schedule.force("kafka", Fault.DELAY, share=0.2)
    begun = time.monotonic()
    assert at.client.ask(METADATA) == 1
    assert 0.35 < time.monotonic() - begun < 10


def test_carried_out_twice_and_the_second_reply_comes(at: Ground) -> None:
    at.schedule.force("kafka", Fault.DUPLICATE)
    assert at.client.ask(METADATA) == 1, "reads are not repeated"
    assert at.client.ask(CREATE) == 3
    assert at.broker.asked == [METADATA, CREATE, CREATE]
    assert at.client.ask(CREATE) == 4, "the connection goes on"


def test_a_stale_read(at: Ground) -> None:
    at.schedule.force("kafka", Fault.STALE, share=0.0)
    assert [at.client.ask(METADATA) for _ in range(3)] == [1, 1, 2]
    at.schedule.force("kafka", Fault.STALE, share=0.0)
    at.proxy.oldest = 0.0
    assert at.client.ask(METADATA) == 3, "too old"


def test_a_slow_drip(at: Ground) -> None:
    at.schedule.force("kafka", Fault.DRIP)
    begun = time.monotonic()
    assert at.client.ask(METADATA) == 1
    assert time.monotonic() - begun > 0.8


@pytest.mark.parametrize(("share", "carried_out"), [(0.2, False), (0.8, True)])
def test_half_open(at: Ground, share: float, carried_out: bool) -> None:
    at.schedule.force("kafka", Fault.HALF_OPEN, share=share)
    with pytest.raises(TimeoutError):
        at.client.ask(CREATE)
    assert (at.broker.asked == [CREATE]) is carried_out
    at.client.again()
    at.client.ask(METADATA)


def test_the_broker_away_is_seen_as_such(at: Ground) -> None:
    at.proxy.upstream = 9
    with pytest.raises((OSError, EOFError)):
        at.client.ask(METADATA)
