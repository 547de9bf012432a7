"""Names that Kubernetes takes, for topics whose names it does not."""

from __future__ import annotations

import re

import pytest

from kafkade.local.object_names import likeness, object_names

RFC1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@pytest.mark.parametrize(
    ("topic", "name", "reason"),
    [
        ("user-events.v1", "user-events.v1", "it is one already"),
        ("Order_Events", "order-events", "upper case and underscores"),
        ("_private", "private", "begins with what no name may begin with"),
        ("a..b", "a.b", "an empty label"),
        ("a.-b-.c", "a.b.c", "labels that begin and end with a dash"),
        ("shop__clicks", "shop-clicks", "one dash for what cannot be said"),
        ("com.acme.Order$Line", "com.acme.order-line", "a subject, which may have any character"),
        ("Größe", "gr-e", "letters that are not ASCII"),
    ],
)
def test_a_name_is_like_the_topic(topic: str, name: str, reason: str) -> None:
    assert likeness(topic) == name, reason


@pytest.mark.parametrize("topic", ["___", "A" * 249, "x" * 249, "é" * 900, "-.-", "a" * 239 + ".B"])
def test_every_name_is_one_that_kubernetes_and_file_systems_take(topic: str) -> None:
    name = object_names([topic])[topic]
    assert RFC1123.fullmatch(name), name
    assert len(f"{name}.yaml") <= 255


def test_what_would_be_called_the_same_is_told_apart_whatever_the_order() -> None:
    names = ["orders.new", "Orders.new", "ORDERS.NEW", "clicks"]
    found = object_names(names)
    assert found["orders.new"] == "orders.new", "who has the name by right keeps it"
    assert found["clicks"] == "clicks"
    assert re.fullmatch(r"orders\.new-[0-9a-f]{8}", found["Orders.new"])
    assert len(set(found.values())) == len(names)
    assert object_names(reversed(names)) == found
    assert object_names(["Orders.new"], taken={"orders.new"})["Orders.new"] == found["Orders.new"]
