"""What a look at a batch of topics asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.context import Work
from kafkade.api.policy import Grant
from kafkade.api.topic import KafkaTopicSpec
from kafkade.topics.desired import Desired
from kafkade.topics.plan import THROTTLED_REPLICAS
from kafkade.topics.reconcile import settings_that_matter
from support.schemas import resource

MOVING = {"config": {"retention.ms": "5"}, "reassignment": {"targetReplicationFactor": 2}}


@pytest.mark.parametrize(
    ("deleted", "status", "matter"),
    [
        pytest.param(None, {}, {"cleanup.policy"}, id="what is declared"),
        pytest.param(None, {"config": {"retention.ms": "5"}}, {"cleanup.policy", "retention.ms"}, id="or was before"),
        pytest.param(None, MOVING, {"cleanup.policy", "retention.ms", *THROTTLED_REPLICAS}, id="or holds a move back"),
        pytest.param("2026-01-01T00:00:00Z", MOVING, set(), id="none of what is to be deleted"),
    ],
)
def test_the_settings_that_matter(deleted: str | None, status: Mapping[str, Any], matter: set[str]) -> None:
    topic = replace(resource("orders", "KafkaTopic"), deleted=deleted, status=status)
    work = Work(topic, KafkaTopicSpec.model_validate({"clusterRef": {"name": "main"}}), Grant())
    wanted = Desired("orders", None, None, 1, 1, config={"cleanup.policy": "compact"})
    assert settings_that_matter(work, wanted) == matter
