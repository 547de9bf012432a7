"""Where metrics are served, and when they are not."""

from __future__ import annotations

import socket
from urllib.request import urlopen

import pytest

from kafkade.devstack.ports import accepts, free_port
from kafkade.handlers import metrics
from kafkade.handlers.address import Address
from kafkade.handlers.metrics import MetricsRefused, serving


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0.0.0.0:9090", "0.0.0.0", 9090),  # noqa: S104 -- only read
        ("localhost:1", "localhost", 1),
        ("metrics.example:65535", "metrics.example", 65535),
        ("[::]:9090", "::", 9090),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", "9090", ":9090", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:http", "::1:9090",
     "[::1]", "http://0.0.0.0:9090/metrics", "0.0.0.0:9090/metrics", "a b:1", "localhost:٩"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host and a port"):
        Address.parse(text)
    with pytest.raises(MetricsRefused, match="--metrics"), serving(text, ()):
        pass


def test_they_are_served_until_the_end() -> None:
    port = free_port()
    with serving(f"127.0.0.1:{port}", []):
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert 'kafkade_build_info{version="' in text
        assert "process_resident_memory_bytes" in text
        assert "python_gc_collections_total" in text
    assert not accepts(port)
    with serving(f"127.0.0.1:{port}", []):
        assert accepts(port), "again, on the same port"


def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(metrics._Patient, "timeout", 0.1)
    port = free_port()
    with serving(f"127.0.0.1:{port}", []):
        for begun in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nHost:"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
                silent.sendall(begun)
                assert silent.recv(1) == b""
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert answer.status == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(MetricsRefused, match=f"cannot be served at {address}: Address already in use"):  # noqa: SIM117
            with serving(address, []):
                pytest.fail("it must not begin")


def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(MetricsRefused, match=r"cannot be served at 192\.0\.2\.1:9090"):  # noqa: SIM117
        with serving("192.0.2.1:9090", []):
            pytest.fail("it must not begin")


def test_none_are_served_by_default() -> None:
    with serving(None, []):
        pass
