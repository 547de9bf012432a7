"""Setup 2, Service Integration: `KafkaClient { … }` is the binding, and the service runs with nothing else."""

from __future__ import annotations

import json

from integration.document.conftest import Code, Platform
from support.user_service import UserService


def test_the_clients_are_set_as_the_document_sets_them(platform: Platform) -> None:
    found = json.loads(platform.secret["librdkafka.json"])
    assert (
        found["producer"].items()
        >= {
            "bootstrap.servers": platform.brokers.bootstrap(),
            "acks": "all",
            "retries": "3",
            "batch.size": "16384",
            "linger.ms": "1",
            "compression.type": "snappy",
        }.items()
    )
    assert (
        found["consumer"].items()
        >= {
            "bootstrap.servers": platform.brokers.bootstrap(),
            "group.id": "user-service-group",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": "30000",
            "heartbeat.interval.ms": "10000",
        }.items()
    )
    about = json.loads(platform.secret["binding.json"])
    assert about["consumer"]["maxPollRecords"] == 500
    assert about["registry"]["urls"] == [platform.registry.url]


def test_the_service_has_them_from_the_folder_alone(platform: Platform, service: UserService, code: Code) -> None:
    binding = code.kafka.service.binding
    assert (binding.service, binding.group, binding.max_poll_records) == ("user-service", "user-service-group", 500)
    assert binding.registry == {"url": platform.registry.url, "cache.capacity": 100, "timeout": 10.0}
    assert service.process.running
