"""A listener that is shut while a connection is coming in: the connection is reset, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from kafkade.devstack.ports import HOST
from support.faults.network import Listener, Network


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


class _Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


async def _connect_and_shut(listener: Listener) -> socket.socket:
    """In one turn of the loop a connection is taken, and the listener shut right behind that: timers come after sockets."""
    client = socket.create_connection((HOST, listener.port), 10)
    asyncio.get_running_loop().call_later(0, listener.shut)
    return client


def test_a_connection_that_comes_as_the_listener_is_shut_is_reset(network: Network) -> None:
    listener = Listener(_Greeting, lambda: None)
    network.call(listener.open)
    with network.run(_connect_and_shut(listener)) as client, pytest.raises(ConnectionResetError):
        client.recv(5)
    gc.collect()  # what was left open is told of here, and a warning is an error
    network.call(listener.end)


def test_a_listener_that_was_shut_takes_connections_again_at_its_port(network: Network) -> None:
    listener = Listener(_Greeting, lambda: None)
    network.call(listener.open)
    network.call(listener.shut)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, listener.port), 10)
    network.call(listener.open)
    with socket.create_connection((HOST, listener.port), 10) as client:
        assert client.recv(5) == b"hello"
    network.call(listener.end)
