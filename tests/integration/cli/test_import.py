"""``kafkade import`` and a real Kafka: what other tools' files say of a topic that is there plans as "no change"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.devstack.kafka import Kafka
from support.kafka import KafkaView

NAME = "Imported_Topic"
FILES = {
    "strimzi": f"""apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata: {{name: imported, namespace: shop, labels: {{strimzi.io/cluster: main}}}}
spec: {{topicName: {NAME}, partitions: 2, replicas: 1, config: {{retention.ms: 86400000}}}}
""",
    "jikkou": f"""apiVersion: kafka.jikkou.io/v1
kind: KafkaTopic
metadata: {{name: {NAME}}}
spec: {{partitions: 2, replicas: 1, configs: {{retention.ms: 86400000}}}}
""",
    "topicctl": f"""meta: {{name: {NAME}, cluster: main, environment: e, region: r}}
spec: {{partitions: 2, replicationFactor: 1, retentionMinutes: 1440, placement: {{strategy: any}}}}
""",
    "ns4kafka": f"""apiVersion: v1
kind: Topic
metadata: {{name: {NAME}}}
spec: {{partitions: 2, replicationFactor: 1, configs: {{retention.ms: "86400000"}}}}
""",
    "terraform": f"""{{"format_version": "1.0", "values": {{"root_module": {{"resources": [{{
  "address": "kafka_topic.t", "mode": "managed", "type": "kafka_topic", "name": "t",
  "values": {{"id": "{NAME}", "name": "{NAME}", "partitions": 2, "replication_factor": 1, "config": {{"retention.ms": "86400000"}}}}
}}]}}}}}}
""",
}


def run(*args: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*map(str, args)], input=stdin, env={"NO_COLOR": "1"})


@pytest.fixture(scope="module", autouse=True)
def _topic(kafka: Kafka) -> Iterator[None]:
    view = KafkaView(kafka.bootstrap)
    view.create(NAME, 2, retention_ms="86400000")
    yield
    view.delete(NAME)


@pytest.mark.parametrize("tool", sorted(FILES))
def test_a_topic_that_is_there_plans_as_no_change(tool: str, kafka: Kafka, tmp_path: Path) -> None:
    done = run("import", tool, "-f", "-", "-d", tmp_path / "out", stdin=FILES[tool])
    assert done.exit_code == 0, done.stderr
    assert "warning" not in done.stderr
    planned = run("plan", "-f", tmp_path / "out", "-b", kafka.bootstrap)
    assert planned.exit_code == 0, planned.stdout
    assert "Plan: 1 to adopt" in planned.stdout
