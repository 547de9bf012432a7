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

from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import Key
from kafkade.cli.main import app
from kafkade.cli.schema_check import Declared, Held, difference, same
from kafkade.clients.registry import Registered, Verdict
from kafkade.devstack.ports import free_port
from kafkade.local.writing import Draft

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


def test_avro_is_made_of_the_same_types(code: Path) -> None:
    argument = "user-events=exported_events:UserEvent"
    done = run(argument, "--schema-type", "avro")
    assert done.exit_code == 0, done.output
    (made,) = yaml.safe_load_all(done.stdout)
    assert made["spec"]["schemaType"] == "AVRO"
    first, second = json.loads(made["spec"]["schema"])
    assert (first["namespace"], first["name"], second["name"]) == ("exported_events", "UserCreated", "UserDeleted")
    assert [one["name"] for one in first["fields"]] == ["type", "userId"]
    assert run(argument, "--schema-type", "avro", "--out", "manifests").exit_code == 0
    assert run(argument, "--schema-type", "avro", "--check", "manifests").exit_code == 0
    assert "it is AVRO, and the code's is JSON" in " ".join(run(argument, "--check", "manifests").output.split())
    refused = run("a=builtins:dict", "--schema-type", "avro")
    assert "builtins:dict has no Avro schema" in " ".join(refused.output.split())


def test_protobuf_is_the_file_of_its_class(code: Path) -> None:
    argument = "names=google.protobuf.wrappers_pb2:StringValue"
    assert "takes --schema-type protobuf" in " ".join(run(argument).output.split())
    done = run(argument, "--schema-type", "protobuf", "--out", "manifests")
    assert done.exit_code == 0, done.output
    (file,) = (code / "manifests").rglob("*.yaml")
    spec = yaml.safe_load(file.read_text())["spec"]
    assert spec["schemaType"] == "PROTOBUF"
    assert "message StringValue {\n  string value = 1;\n}\n" in spec["schema"]
    assert run(argument, "--schema-type", "protobuf", "--check", "manifests").exit_code == 0
    file.write_text(file.read_text().replace("string value = 1;", "string value = 2;"))
    assert run(argument, "--schema-type", "protobuf", "--check", "manifests").exit_code == 1
    refused = run("user-events=exported_events:UserEvent", "--schema-type", "protobuf")
    assert "is no class made by protoc" in " ".join(refused.output.split())


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


DRAFT = Draft(
    Key(SCHEMA, "shop", "a-value"), {"subject": "a-value", "schemaType": "JSON", "schema": '{"type": "string"}'}
)
CODE_SAYS, OTHER = '{"type":"string"}', '{"type":"object"}'


def version(text: str, kind: str = "JSON") -> Registered:
    return Registered(3, 1, text, kind)


@pytest.mark.parametrize(
    ("declared", "held", "told"),
    [
        (Declared("a", "JSON", CODE_SAYS), None, []),
        (Declared("a", "JSON", CODE_SAYS), Held(version(CODE_SAYS), True), []),
        (None, Held(version(CODE_SAYS), True), ["manifests has no KafkaSchema of the subject a-value"]),
        (Declared("a", "AVRO", CODE_SAYS), None, ["KafkaSchema a: it is AVRO, and the code's is JSON"]),
        (Declared("a", "JSON", CODE_SAYS), Held(None), ["no subject a-value: is the KafkaSchema applied?"]),
        (
            Declared("a", "JSON", OTHER),
            Held(version(OTHER), False, Verdict(True)),
            [
                "KafkaSchema a: its schema is not that of the code",
                "version 3, its newest, is not the schema of the code, but that of the KafkaSchema; the code's would be"
                " compatible",
            ],
        ),
        (
            Declared("a", "JSON", CODE_SAYS),
            Held(version(OTHER), False, Verdict(False, ("type changed",))),
            ["is not the schema of the code; the code's would be refused as the next one, it is not compatible: type"],
        ),
        (
            Declared("a", "JSON", CODE_SAYS),
            Held(version(OTHER, "AVRO")),
            ["the schema of the code (AVRO, and the code's is JSON)"],
        ),
    ],
)
def test_code_manifest_and_registry(declared: Declared | None, held: Held | None, told: list[str]) -> None:
    found = difference(DRAFT, declared, held, Path("manifests"))
    assert len(found) == len(told)
    assert all(part in whole for part, whole in zip(told, found, strict=True)), found


def test_spaces_and_the_order_of_keys_are_no_difference() -> None:
    assert same("JSON", '{"a": 1, "b": 2}', "JSON", '{"b":2,"a":1}')
    assert not same("JSON", "{}", "AVRO", "{}")
    assert not same("JSON", "{}", "JSON", None)
    assert same("PROTOBUF", 'syntax = "proto3";\n', "PROTOBUF", 'syntax = "proto3";')


def test_a_registry_that_is_away_is_named(code: Path) -> None:
    argument = "user-events=exported_events:UserEvent"
    assert run(argument, "--out", "manifests").exit_code == 0
    url = f"http://127.0.0.1:{free_port()}"
    done = run(argument, "--check", "manifests", "--registry", url)
    assert done.exit_code == 1
    assert f"the schema registry does not answer ({url[7:]}" in done.output
    assert run(argument, "--check", "manifests", "--registry", "http://u:p@host").exit_code == 1
