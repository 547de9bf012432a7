"""Metrics as Prometheus gets them: over HTTP, from the running operator."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, dict[str, str], float]
"""Name, labels, value."""


def series(page: str) -> Iterator[Series]:
    """Each series of a page in Prometheus' text format."""
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def scrape(address: str) -> Iterator[Series]:
    """Each series of the operator whose metrics are at this host and port."""
    with urlopen(f"http://{address}/metrics", timeout=5) as answer:
        yield from series(answer.read().decode())


def value(address: str, name: str, **labels: str) -> float | None:
    """The sum of that operator's series with these labels; None: there is none."""
    found = [v for n, has, v in scrape(address) if n == name and labels.items() <= has.items()]
    return sum(found) if found else None


def leads(address: str) -> bool:
    """Whether that operator holds its Lease, as it says."""
    return value(address, "kafkade_leader") == 1
