"""Reads a broker's JMX beans over HTTP, with the Jolokia agent in its JVM."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from . import loopback, maven
from .errors import DevStackError
from .ports import HOST

VERSION = "2.6.0"

_REQUESTS = "kafka.network:type=RequestMetrics,name=RequestsPerSec,*"

INTERNAL = frozenset(
    {
        "AllocateProducerIds",
        "AlterPartition",
        "AssignReplicasToDirs",
        "BeginQuorumEpoch",
        "BrokerHeartbeat",
        "BrokerRegistration",
        "ControllerRegistration",
        "EndQuorumEpoch",
        "Envelope",
        "FetchFollower",
        "FetchSnapshot",
        "UpdateRaftVoter",
        "Vote",
        "WriteTxnMarkers",
    }
)
"""The APIs that only brokers and controllers call."""


def agent() -> Path:
    """The agent's jar."""
    return maven.fetch("jolokia", VERSION)[0]


def flag(port: int) -> str:
    """The JVM flag that has the agent listen on the port."""
    return f"-javaagent:{agent()}=port={port},host={HOST},discoveryEnabled=false"


def request_counts(port: int) -> Counter[str]:
    """How many requests of each API a broker has taken, all versions of the API together."""
    url = f"http://{HOST}:{port}/jolokia/read/{_REQUESTS}/Count"
    try:
        answer = json.loads(loopback.get(url, timeout=10))
    except (OSError, ValueError) as error:
        raise DevStackError(f"The broker's request counts cannot be read at {url}: {error}.") from (error)
    if answer["status"] == 404:
        return Counter()  # there is a bean from the first request of an API on
    counts: Counter[str] = Counter()
    for bean, attributes in answer["value"].items():
        if name := re.search(r"\brequest=([^,]+)", bean):
            counts[name[1]] += attributes["Count"]
    return counts
