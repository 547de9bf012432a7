"""The registry, and all parts together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafkade.devstack import DevStackError, Kafka, Registry, Stack
from support.registry import ask


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def call(registry: Registry, path: str, body: object = None) -> Any:
    status, answer = ask(registry.url, path, "GET" if body is None else "POST", body)
    assert status == 200, answer
    return answer


def test_a_schema_is_registered_and_survives_a_restart(registry: Registry) -> None:
    assert call(registry, "/subjects/kept-value/versions", {"schema": '"string"'})["id"] > 0
    url = registry.url
    registry.restart()
    assert registry.url == url
    assert call(registry, "/subjects") == ["kept-value"]


def test_schemas_can_be_deleted(registry: Registry) -> None:
    call(registry, "/subjects/short-value/versions", {"schema": '"string"'})
    for path in ("/subjects/short-value", "/subjects/short-value?permanent=true"):
        assert ask(registry.url, path, "DELETE") == (200, [1])
    assert "short-value" not in call(registry, "/subjects?deleted=true")


def test_schemas_can_be_kept_in_kafka() -> None:
    with Kafka() as kafka, Registry(kafka_sql=kafka.bootstrap) as registry:
        call(registry, "/subjects/in-kafka/versions", {"schema": '"string"'})
        pid = registry.pid
        registry.restart()
        assert call(registry, "/subjects") == ["in-kafka"]
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


def test_when_a_part_fails_the_others_stop() -> None:
    registry = Registry()
    stack = Stack(kafka=Kafka(config={"log.dirs": "/proc/no/such/folder"}), registry=registry)
    with pytest.raises(DevStackError, match="cannot be formatted"):
        stack.start()
    with pytest.raises(DevStackError, match="not running"):
        _ = registry.url
