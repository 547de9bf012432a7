"""Avro schemas of event types: Avro's own library takes them, and events go there and back."""

from __future__ import annotations

import datetime
import io
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import fastavro
import pytest
from pydantic import BaseModel, Field

from kafkade.service import ServiceError
from kafkade.service.avro import avro_schema
from kafkade.service.events import EventType, data_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    street: str
    lat: float = 0.0


class Tree(BaseModel):
    name: str
    below: list[Tree] = []


class Order(BaseModel):
    type: Literal["Order"] = "Order"
    identity: uuid.UUID
    at: datetime.datetime
    day: datetime.date
    count: int = 1
    good: bool = True
    data: bytes = b""
    colour: Colour = Colour.RED
    other: Colour | None = None
    to: Place
    also: Place | None = None
    notes: list[str] = []
    by_name: dict[str, int] = {}
    tree: Tree
    made_by: str = Field(default="me", alias="madeBy")


class Gone(BaseModel):
    type: Literal["Gone"] = "Gone"
    to: Place


@dataclass
class Named:
    name: str
    places: list[Place] = field(default_factory=list)


NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC)
TREE = Tree(name="a", below=[Tree(name="b")])
ORDER = Order(
    identity=uuid.UUID(int=7), at=NOW, day=NOW.date(), to=Place("s", 1.5), tree=TREE, other=Colour.BLUE, madeBy="x"
)
Either = Annotated[Order | Gone, Field(discriminator="type")]


def there_and_back(kind: Any, value: Any, named: str | None = None) -> Any:
    event = EventType(kind)
    schema = fastavro.parse_schema(avro_schema(event, "shop.events"))
    data = data_of(value)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, data if named is None else {"-type": named, **data})
    buffer.seek(0)
    return event.of_data(fastavro.schemaless_reader(buffer, schema, None))


def test_events_go_there_and_back() -> None:
    assert there_and_back(Order, ORDER) == ORDER
    assert there_and_back(Named, Named("n", [Place("s")])) == Named("n", [Place("s")])
    assert there_and_back(Tree, TREE) == TREE


def test_a_union_is_one_of_records() -> None:
    schema = avro_schema(EventType(Either), "shop.events")
    assert [(one["name"], one["namespace"]) for one in schema] == [("Order", "shop.events"), ("Gone", "shop.events")]
    gone = Gone(to=Place("s"))
    assert there_and_back(Either, gone, "shop.events.Gone") == gone


def test_defaults_are_those_that_avro_can_say() -> None:
    fields = {one["name"]: one for one in avro_schema(EventType(Order), "shop")["fields"]}
    assert fields["type"] == {"name": "type", "type": "string", "default": "Order"}
    assert fields["count"] == {"name": "count", "type": "long", "default": 1}
    assert fields["other"] == {"name": "other", "type": ["null", "Colour"], "default": None}
    assert fields["colour"]["default"] == "red"
    assert fields["notes"] == {"name": "notes", "type": {"type": "array", "items": "string"}, "default": []}
    assert fields["madeBy"]["default"] == "me"
    assert "default" not in fields["identity"]


class Sum(BaseModel):
    amount: Decimal


class Anything(BaseModel):
    inner: dict[str, Any]


class Pair(BaseModel):
    two: tuple[int, str]


class Takes(BaseModel):
    seconds: datetime.timedelta


class Odd(BaseModel):
    name: str = Field(alias="the-name")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Sum, "Sum.amount: Avro has no decimal of any scale"),
        (Anything, "Anything.inner: Avro has no type for a dict of anything"),
        (Pair, "Pair.two: Avro has no type for array"),
        (Takes, "Takes.seconds: Avro has no type for duration"),
        (Odd, "Odd.the-name is no name that Avro takes"),
        (dict[str, int], "events in Avro are models"),
        (list[Place], "events in Avro are models"),
    ],
)
def test_what_avro_cannot_say_is_refused_with_its_place(kind: Any, told: str) -> None:
    with pytest.raises(ServiceError, match=told):
        avro_schema(EventType(kind), "shop")
