"""The data of the ConfigMap that a KafkaDLQPolicy gives to applications. Pure: equal input gives equal bytes.

======================== ===========================================================================================
``policy.json``          the whole policy, for programs; its schema is docs/reference/dlq-policy.schema.json
``connect.properties``   lines for sink connectors of Kafka Connect
``streams.properties``   lines for Kafka Streams 4.2 and newer
``python.properties``    lines for consumers and producers of confluent-kafka
``spring.yaml``          settings of Spring Boot, and the Java that goes with them
======================== ===========================================================================================

None of the keys has a topic's name in it, since a key of a ConfigMap may have 253 characters and a topic's name 249.
"""

from __future__ import annotations

from collections.abc import Sequence

from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import InvalidSpec
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.render_connect import connect_properties
from kafkade.dlq.render_policy import policy_json
from kafkade.dlq.render_python import python_properties
from kafkade.dlq.render_spring import spring_yaml
from kafkade.dlq.render_streams import streams_properties

MAX_BYTES = 1_000_000
"""The API server takes 1 MiB of data in a ConfigMap; the rest is for metadata."""


def render(spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics]) -> dict[str, str]:
    """``data`` of the policy's ConfigMap, for source topics in any order.

    Raises:
        InvalidSpec: it would be larger than a ConfigMap can be.
    """
    ordered = sorted(topics, key=lambda entry: entry.topic)
    data = {
        "connect.properties": connect_properties(spec, ordered),
        "policy.json": policy_json(spec, ordered),
        "python.properties": python_properties(spec),
        "spring.yaml": spring_yaml(spec),
        "streams.properties": streams_properties(spec, ordered),
    }
    size = sum(len(key.encode()) + len(text.encode()) for key, text in data.items())
    if size > MAX_BYTES:
        raise InvalidSpec(
            f"the policy's ConfigMap would have {size:,} bytes for {len(ordered):,} topics, and {MAX_BYTES:,} fit: divide"
            " the topics among several policies, or have fewer attempts with RetryTopics"
        )
    return data
