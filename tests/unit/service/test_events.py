"""Events between Python objects and bytes, without a registry; and what handlers say that they take."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Annotated, Any, Literal

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from pydantic import BaseModel, Field

from kafkade.service import DeserializationException, Metadata, SerializationException, ServiceError
from kafkade.service.events import EventType, plain
from kafkade.service.listener import listener_of
from kafkade.service.publisher import record_headers


class Created(BaseModel):
    type: Literal["Created"] = "Created"
    user: str = Field(alias="userId")


class Deleted(BaseModel):
    type: Literal["Deleted"] = "Deleted"
    user: str = Field(alias="userId")


@dataclasses.dataclass
class Point:
    x: int
    at: datetime.date


UserEvent = Annotated[Created | Deleted, Field(discriminator="type")]


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        (b"\0", b"\0"),
        ("ä", "ä".encode()),
        ({"n": 1}, b'{"n":1}'),
        (Created(userId="u"), b'{"type":"Created","userId":"u"}'),
        (Point(1, datetime.date(2026, 1, 2)), b'{"x":1,"at":"2026-01-02"}'),
        (StringValue(value="x"), b"\n\x01x"),
    ],
)
def test_plain_values(value: Any, data: bytes | None) -> None:
    assert plain(value) == data


def test_what_json_does_not_know_is_told() -> None:
    with pytest.raises(SerializationException, match="object"):
        plain(object())


def test_values_are_read_as_their_type() -> None:
    assert EventType(UserEvent).of_json(b'{"type":"Deleted","userId":"u"}') == Deleted(userId="u")
    assert EventType(Point).of_json('{"x":1,"at":"2026-01-02"}') == Point(1, datetime.date(2026, 1, 2))
    assert EventType(StringValue).of_protobuf(b"\n\x01x").value == "x"
    assert EventType(dict[str, Any]).of_data({"n": 1}) == {"n": 1}
    assert EventType(bytes).raw
    assert EventType(Created | None).nullable
    assert not EventType(Created).nullable


def test_what_is_wrong_is_told_without_the_value() -> None:
    with pytest.raises(DeserializationException, match="userId: Field required") as caught:
        EventType(UserEvent).of_json(b'{"type":"Created","secret":"s3cret"}')
    assert "s3cret" not in caught.value.message
    with pytest.raises(DeserializationException, match="not a Created or Deleted: "):
        EventType(UserEvent).of_json(b"{}")
    with pytest.raises(DeserializationException, match="not a dict: the whole: Invalid JSON"):
        EventType(dict[str, int]).of_json(b"no JSON")
    with pytest.raises(DeserializationException, match="StringValue"):
        EventType(StringValue).of_protobuf(b"\xff")
    with pytest.raises(ServiceError, match="cannot be an event's type"):
        EventType(type("Odd", (), {}))


async def takes_both(event: UserEvent, metadata: Metadata) -> None: ...


async def takes_one(event: bytes, limit: int = 3) -> None: ...


def test_handlers_say_what_they_take() -> None:
    both = listener_of(takes_both, ("a",), "g", properties={"max.poll.records": 7, "fetch.min.bytes": 1})
    assert (both.wants_metadata, both.max_poll_records, both.properties) == (True, 7, {"fetch.min.bytes": 1})
    one = listener_of(takes_one, ("a",), "g")
    assert (one.wants_metadata, one.event.raw, one.is_async, one.name) == (False, True, True, "takes_one")
    for topics, more in (((), {}), (("a",), {"concurrency": 0}), (("a",), {"properties": {"max.poll.records": 0}})):
        with pytest.raises(ServiceError, match="listener takes_one"):
            listener_of(takes_one, topics, "g", **more)  # type: ignore[arg-type]


def test_headers_that_are_given_stay() -> None:
    headers = dict(record_headers([("timestamp", b"x"), ("trace-id", None)]))
    assert headers == {"timestamp": b"x", "trace-id": None}
    assert list(dict(record_headers(None))) == ["timestamp"]
    assert str(dict(record_headers({}))["timestamp"]).endswith("Z")


def test_timestamps_are_javas_instants_and_rise() -> None:
    before = datetime.datetime.now(datetime.UTC)
    texts = [str(dict(record_headers(None))["timestamp"]) for _ in range(1000)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text) for text in texts)
    assert texts == sorted(texts)
    told = [datetime.datetime.fromisoformat(text) for text in texts]
    assert before <= told[0] <= told[-1] <= datetime.datetime.now(datetime.UTC)
