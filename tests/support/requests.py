"""What brokers counted."""

from __future__ import annotations

import time
from collections import Counter

from kafkade.devstack.kafka import Kafka


def counted(kafka: Kafka, *apis: str) -> Counter[str]:
    """Requests so far, once the counts of these stand still: a broker counts a request after it has answered it."""
    found = kafka.request_counts()
    while True:
        time.sleep(0.3)
        again = kafka.request_counts()
        if all(found[api] == again[api] for api in apis):
            return again
        found = again
