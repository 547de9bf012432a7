"""Best Practices 2, Message Schema: code, manifests and registry agree, and records are in the registry's format."""

from __future__ import annotations

import json
import subprocess
import sys

from integration.document.conftest import Code, Platform
from kafkade.devstack import loopback
from support.user_service import EXAMPLE


def exported() -> list[str]:
    """What the README gives `kafkade schema export`."""
    text = (EXAMPLE / "README.md").read_text()
    return [word for word in text.split() if "=user_service.events:" in word]


def test_code_manifests_and_registry_agree(platform: Platform) -> None:
    words = ["schema", "export", *exported(), "-n", "users", "--check", ".", "--registry", platform.registry.url]
    done = subprocess.run(
        [sys.executable, "-m", "kafkade.cli.main", *words], cwd=EXAMPLE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "6 schemas are as the code says, in the registry too" in done.stderr


def test_a_record_names_version_1_of_its_topics_schema(platform: Platform, code: Code) -> None:
    code.publish(code.events.UserCreated.new(user_id="schema", email="s@example.com"))
    (record,) = [one for one in platform.records("user-events") if one.key == b"schema"]
    latest = json.loads(loopback.get(f"{platform.registry.url}/subjects/user-events-value/versions/latest"))
    assert (latest["version"], latest["schemaType"]) == (1, "JSON")
    assert record.value is not None
    assert record.value[:5] == b"\0" + latest["id"].to_bytes(4, "big")
    event = json.loads(record.value[5:])
    assert event == {**event, "type": "UserCreated", "version": 1, "userId": "schema", "email": "s@example.com"}
