"""Metrics as Prometheus gets them: over HTTP, from the running operator."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families


def scrape(address: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Each series of the operator whose metrics are at this host and port: name, labels, value."""
    with urlopen(f"http://{address}/metrics", timeout=5) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value


def leads(address: str) -> bool:
    """Whether that operator holds its Lease, as it says."""
    return any((name, value) == ("kafkade_leader", 1) for name, _, value in scrape(address))
