"""The ConfigMap that applications mount: the order in which one takes the place of another, whatever is left by a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from kafkade.api.context import Context
from kafkade.api.errors import ApiForbidden, ApiUnavailable, ConfigMapConflict
from kafkade.api.objects import Resource
from kafkade.dlq.mounted import former_names, keep_mounted
from unit.dlq.resources import policy


class Recording:
    """A context that writes down what is asked of it, and fails where it is told to."""

    def __init__(self, fails: Mapping[str, Exception] | None = None) -> None:
        self.calls: list[Any] = []
        self._fails = fails or {}

    def _call(self, name: str, what: Any) -> None:
        if error := self._fails.get(name):
            raise error
        self.calls.append((name, what))

    async def announce(self, resource: Resource, fields: Mapping[str, Any]) -> None:
        self._call("announce", dict(fields))

    async def keep_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> bool:
        self._call("keep", name)
        return True

    async def take_config_map(self, owner: Resource, name: str) -> None:
        self._call("take", name)


@pytest.mark.parametrize(
    ("status", "former"),
    [
        pytest.param({}, (), id="new"),
        pytest.param({"configMap": "b"}, (), id="the same"),
        pytest.param({"configMap": "a"}, ("a",), id="another"),
        pytest.param(
            {"configMap": "b", "formerConfigMaps": ["a"]}, ("a",), id="a crash before the former one was taken"
        ),
        pytest.param({"configMap": "c", "formerConfigMaps": ["a", "b"]}, ("a", "c"), id="and back to one of these"),
    ],
)
async def test_names_are_told_first_and_former_ones_taken_last(status: dict[str, Any], former: tuple[str, ...]) -> None:
    resource, context = policy(topics=["orders"], status=status), Recording()
    assert former_names(resource, "b") == former
    assert await keep_mounted(resource, "b", former, {}, cast("Context", context)) is None
    told = {"configMap": "b"} | ({"formerConfigMaps": list(former)} if former else {})
    assert context.calls == [("announce", told), ("keep", "b"), *(("take", name) for name in former)]


async def test_nothing_is_taken_before_the_new_one_is_there() -> None:
    context = Recording({"keep": ConfigMapConflict("somebody's")})
    error = await keep_mounted(policy(topics=["orders"]), "b", ("a",), {}, cast("Context", context))
    assert error is not None
    assert error.reason == "ConfigMapConflict"
    assert [name for name, _ in context.calls] == ["announce"]


async def test_an_api_server_that_is_away_is_no_fault_of_the_policy() -> None:
    refused = Recording({"take": ApiForbidden("no right to delete")})
    assert isinstance(await keep_mounted(policy(), "b", ("a",), {}, cast("Context", refused)), ApiForbidden)
    with pytest.raises(ApiUnavailable):
        await keep_mounted(policy(), "b", ("a",), {}, cast("Context", Recording({"take": ApiUnavailable("away")})))
