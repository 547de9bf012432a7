"""Whether a cluster's brokers write dead letters of share groups, and with which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed, KafkadeError, KafkaRequestFailed
from kafkade.clients.model import ConfigEntry, ConfigSource
from kafkade.dlq.share.desired import NAME_PREFIX, TOPIC_NAME
from kafkade.dlq.share.observe import observe

OFF = {TOPIC_NAME: ConfigEntry("", ConfigSource.DEFAULT)}
NEW = {"metadata.version": "4.4-IV2", "share.version": 2}
DOWN, DENIED = KafkaRequestFailed("down"), AuthorizationFailed("denied")


@dataclass(slots=True)
class Brokers:
    """Answers as it was told; ``prefixes`` by broker."""

    levels: Mapping[str, int | str]
    group: Mapping[str, ConfigEntry] | KafkadeError = field(default_factory=lambda: OFF)
    prefixes: tuple[str | KafkadeError | None, ...] = ("dlq.",)

    async def features(self) -> Mapping[str, int | str]:
        return self.levels

    async def group_configs(self, names: list[str]) -> Mapping[str, Any]:
        return dict.fromkeys(names, self.group)

    async def broker_configs(self, broker: int) -> Mapping[str, ConfigEntry]:
        found = self.prefixes[broker]
        if isinstance(found, KafkadeError):
            raise found
        return {} if found is None else {NAME_PREFIX: ConfigEntry(found, ConfigSource.DEFAULT)}


def connection(brokers: Brokers) -> Any:
    nodes = tuple(SimpleNamespace(id=number) for number in range(len(brokers.prefixes)))
    return SimpleNamespace(kafka=brokers, description=SimpleNamespace(brokers=nodes))


@pytest.mark.parametrize(
    ("brokers", "says"),
    [
        pytest.param(Brokers(NEW), None, id="4.4"),
        pytest.param(Brokers({}), None, id="levels that cannot be had this once: the settings tell"),
        pytest.param(Brokers({}, {}), "these brokers know no group setting", id="the settings say no"),
        pytest.param(Brokers({"metadata.version": "3.5-IV2"}), "has share.version 0", id="no such feature"),
        pytest.param(Brokers(NEW | {"share.version": 1}), "has share.version 1", id="4.4, upgraded and not finalized"),
        pytest.param(Brokers(NEW, DENIED), None, id="a group that may not be read is that group's trouble"),
    ],
)
async def test_support(brokers: Brokers, says: str | None) -> None:
    facts = await observe(connection(brokers), {"workers"})
    if says is None:
        assert (facts.error, facts.configs["workers"]) == (None, brokers.group)
    else:
        assert facts.error is not None
        assert facts.error.reason == "NotSupportedByCluster"
        assert says in facts.error.message


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        pytest.param(("dlq.",), "dlq.", id="the default"),
        pytest.param(("",), "", id="any name"),
        pytest.param((DOWN, "x."), "x.", id="the first broker is down"),
        pytest.param((DOWN,), None, id="all are down"),
        pytest.param((DENIED, "x."), None, id="no right to read it"),
    ],
)
async def test_prefix(prefixes: tuple[str | KafkadeError, ...], expected: str | None) -> None:
    assert (await observe(connection(Brokers(NEW, prefixes=prefixes)), {"workers"})).prefix == expected


async def test_nothing_is_asked_without_groups() -> None:
    facts = await observe(SimpleNamespace(kafka=None, description=None), set())  # type: ignore[arg-type]
    assert (facts.configs, facts.error) == ({}, None)
