"""`kafkade schema export`: KafkaSchemas of event types, and whether files still say the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from kafkade.cli.main import app

CODE = """
from typing import Annotated, Literal
from pydantic import BaseModel, Field
class UserCreated(BaseModel):
    type: Literal["UserCreated"] = "UserCreated"
    user_id: str = Field(alias="userId")
class UserDeleted(BaseModel):
    type: Literal["UserDeleted"] = "UserDeleted"
UserEvent = Annotated[UserCreated | UserDeleted, Field(discriminator="type")]
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "exported_events.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("exported_events", None)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["schema", "export", *words])


def test_a_union_is_one_schema_that_validates_its_events(code: Path) -> None:
    done = run("user-events=exported_events:UserEvent", "-n", "shop", "--cluster-name", "main")
    assert done.exit_code == 0, done.output
    (made,) = yaml.safe_load_all(done.stdout)
    assert made["kind"] == "KafkaSchema"
    assert made["metadata"] == {"name": "user-events-value", "namespace": "shop"}
    spec = made["spec"]
    assert (spec["subject"], spec["schemaType"], spec["clusterRef"]) == ("user-events-value", "JSON", {"name": "main"})
    check = jsonschema.Draft7Validator(json.loads(spec["schema"]))
    assert check.is_valid({"type": "UserCreated", "userId": "u"})
    assert not check.is_valid({"type": "UserCreated"})
    assert check.is_valid({"type": "UserDeleted"})


def test_check_tells_what_differs(code: Path) -> None:
    argument = "user-events=exported_events:UserEvent"
    assert "no KafkaSchema of the subject user-events-value" in run(argument, "--check", ".").output
    assert run(argument, "--out", "manifests").exit_code == 0
    assert run(argument, "--check", "manifests").exit_code == 0
    sys.modules.pop("exported_events")
    (code / "exported_events.py").write_text(CODE.replace("user_id: str", "user_id: int"))
    changed = run(argument, "--check", "manifests")
    assert changed.exit_code == 1
    assert "KafkaSchema user-events-value: its schema is not that of the code" in changed.output


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("user-events", "give TOPIC=MODULE:TYPE"),
        ("user-events=exported_events:Nothing", "has no Nothing"),
        ("user-events=no_such_module_anywhere:Event", "cannot be imported: ModuleNotFoundError"),
        ("user/events=exported_events:UserEvent", "user/events"),
        ("a=builtins:bytes", "bytes have no schema"),
    ],
)
def test_what_is_wrong_is_named(code: Path, argument: str, told: str) -> None:
    done = run(argument)
    assert done.exit_code == 1
    assert told in " ".join(done.output.split())
