"""Best Practices 1, Topic Design: names in one place, and bad ones are refused."""

from __future__ import annotations

import pytest
import yaml

from integration.document.conftest import Code, Platform, eventually
from support.kubernetes import condition, manifest
from support.user_service import manifests


def test_the_names_in_the_code_are_the_topics_in_kafka(platform: Platform, code: Code) -> None:
    topics = {value for name, value in vars(code.topics).items() if name.isupper()}
    declared = {one["metadata"]["name"] for one in yaml.safe_load_all(manifests()["03-topics.yaml"])}
    assert topics < declared
    sources = yaml.safe_load(manifests()["05-policy.yaml"])["spec"]["topics"]
    dead = {code.topics.dead_letter_topic(topic) for topic in sources}
    # the broker that is asked may learn of a topic a moment after the one that told the operator
    eventually(platform.view.topics, declared | dead, "the topics")
    assert code.topics.service_topic("user") == code.topics.USER_EVENTS


@pytest.mark.parametrize("bad", ["UserEvents", "orders", "svc1"])
def test_the_documents_bad_names_are_refused(platform: Platform, bad: str) -> None:
    name = f"bad-{bad.lower()}"
    platform.kubectl.apply(
        manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}, "topicName": bad}, platform.kubectl.namespace)
    )
    found = platform.kubectl.wait_reason("KafkaTopic", name, "NamingRefused")
    assert "name it <service>-<what>, in lower case" in condition(found)["message"]
    platform.kubectl.delete("KafkaTopic", name)
    assert not platform.view.exists(bad)
