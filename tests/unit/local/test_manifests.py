"""What is wrong with a manifest is said with its file, line and column, and the name that was meant."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from kafkade.api.objects import Key
from kafkade.local.documents import Document, fingerprint, read
from kafkade.local.manifests import Manifests, load
from kafkade.local.problems import Problem

TOPIC = """\
apiVersion: kafkade.io/v1alpha1
kind: KafkaTopic
metadata:
  name: orders
spec:
  clusterRef:
    name: main
"""
V1 = """\
apiVersion: v1
kind: {}
metadata:
  name: n
"""


def loaded(folder: Path, text: str) -> Manifests:
    (folder / "a.yaml").write_text(text)
    return load([str(folder)], "shop")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (TOPIC + "  partitons: 3\n", "8:3", "unknown field spec.partitons; did you mean partitions?"),
        (TOPIC + "  partitions: three\n", "8:15", "spec.partitions: input should be a valid integer"),
        (TOPIC + "  config:\n    retention.ms: [1]\n", "9:19", "spec.config.retention.ms: expected a string"),
        (
            TOPIC.replace("    name: main", "    nam: main"),
            "7:5",
            "unknown field spec.clusterRef.nam; did you mean name?",
        ),
        (TOPIC.replace("KafkaTopic", "KafkaTopics"), "2:7", "unknown kind KafkaTopics; did you mean KafkaTopic?"),
        (TOPIC.replace("KafkaTopic", "kafkaTopic"), "2:7", "unknown kind kafkaTopic; did you mean KafkaTopic?"),
        (TOPIC.replace("v1alpha1", "v1"), "1:13", "kafkade knows kafkade.io/v1alpha1"),
        (TOPIC.replace("spec:", "sepc:"), "5:1", "unknown field sepc; did you mean spec?"),
        (TOPIC.replace("orders", "Orders"), "4:9", "metadata.name Orders: only lowercase"),
        (TOPIC.replace("  name: orders", "  nam: orders"), "4:3", "has no metadata.name"),
        (TOPIC + "  partitions: 1\n  partitions: 2\n", "9:3", "partitions stands here a second time"),
        (TOPIC + "  config: {a: b\n", "9:1", "not YAML: did not find expected ',' or '}'"),
        (TOPIC + " x: 1\n", "8:2", "not YAML: did not find expected key"),
        (TOPIC + "  # \x00\n", "8:5", "not YAML: the character U+0000 is not allowed"),
        (TOPIC.replace("spec:", "spec: text\nmore:"), "5:7", "spec: expected an object"),
        ("- 1\n", "1:1", "is no object"),
        ("kind: KafkaTopic\n", "1:1", "has no apiVersion"),
        (f"{TOPIC}---\n{TOPIC}", "12:9", "KafkaTopic shop/orders is declared in"),
        (TOPIC.replace("orders", "orders\n  labels: [1]"), "5:11", "metadata.labels is no object"),
        (TOPIC.replace("orders", "orders\n  annotations: a"), "5:16", "metadata.annotations is no object"),
        (V1.format("ConfigMap") + "data: [1]\n", "5:7", "data is no object"),
        (V1.format("Secret") + "data: abc\n", "5:7", "data is no object"),
        (V1.format("Secret") + "stringData: abc\n", "5:13", "stringData is no object"),
        (V1.format("Namespace") + "  labels: [1]\n", "5:11", "metadata.labels is no object"),
    ],
)
def test_a_problem_says_where_it_is_and_what_was_meant(tmp_path: Path, text: str, where: str, what: str) -> None:
    problems = [str(problem) for problem in loaded(tmp_path, text).problems]
    assert any(p.startswith(f"{tmp_path}/a.yaml:{where}: ") and what in p for p in problems), problems


def test_folders_are_read_with_the_folders_in_them_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name, topic in (("b/c.yml", "one"), ("a.json", "two"), (".git/x.yaml", "three"), ("notes.txt", "four")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(TOPIC.replace("orders", topic))
    assert [key.name for key in load([str(tmp_path)], "shop").resources] == ["two", "one"]


@pytest.mark.parametrize("during", [True, False])
def test_a_change_while_files_are_read_or_after_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: bool
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(TOPIC)

    def edit() -> None:
        file.write_text(TOPIC + "  partitions: 3\n")

    def read_and_edit(paths: Sequence[str]) -> tuple[list[Document], list[Problem]]:
        found = read(paths)
        edit()
        return found

    if during:
        monkeypatch.setattr("kafkade.local.manifests.read", read_and_edit)
    found = load([str(tmp_path)], "shop")
    if not during:
        assert fingerprint([str(tmp_path)]) == found.fingerprint
        edit()
    assert fingerprint([str(tmp_path)]) != found.fingerprint


def test_a_folder_without_manifests_and_a_file_that_is_not_there_are_problems(tmp_path: Path) -> None:
    problems = load([str(tmp_path), str(tmp_path / "none.yaml")], "shop").problems
    assert [str(p).removeprefix(str(tmp_path)) for p in problems] == [
        ": has no files that end in .yaml, .yml, .json",
        "/none.yaml: cannot be read: No such file or directory",
    ]


def test_streams_lists_and_rendered_charts_are_taken_apart(tmp_path: Path) -> None:
    rendered = (
        "# Source: shop/templates/empty.yaml\n---\n---\napiVersion: v1\nkind: List\nitems:\n"
        + "".join(f"{'- ' if i == 0 else '  '}{line}\n" for i, line in enumerate(TOPIC.splitlines()))
        + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n"
        + "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    team: red\n"
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: avro\ndata:\n  a.avsc: '{}'\n"
    )
    found = loaded(tmp_path, rendered)
    assert not found.problems
    manifest = found.resources[Key("KafkaTopic", "shop", "orders")]
    assert manifest.place is not None
    assert (manifest.place.line, manifest.spec) == (7, {"clusterRef": {"name": "main"}})
    assert found.others == {"Deployment": 1}
    assert found.namespaces == {"shop": {"team": "red"}}
    assert found.config_maps == {("shop", "avro"): {"a.avsc": "{}"}}


def test_secrets_are_decoded_and_never_shown(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"hunter2").decode()
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  p: {encoded}\nstringData:\n  u: alice\n"
    found = loaded(tmp_path, text)
    assert found.secrets == {("shop", "s"): {"p": b"hunter2", "u": b"alice"}}
    assert "hunter2" not in repr(found)
    broken = loaded(tmp_path, text.replace(encoded, "hunter2-hunter2"))
    assert [str(p).partition("a.yaml")[2] for p in broken.problems] == [":6:6: data.p is not base64"]


def test_dates_are_texts_as_in_kubernetes_and_runs_are_kept_apart(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        TOPIC + "  config:\n    note: 2026-01-01\n---\n"
        "apiVersion: kafkade.io/v1alpha1\nkind: KafkaDLQRedrive\nmetadata:\n  name: again\n"
        "spec:\n  clusterRef:\n    name: main\n  source:\n    topic: orders.dlq\n",
    )
    assert not found.problems
    assert next(iter(found.resources.values())).spec["config"] == {"note": "2026-01-01"}
    assert [run.key.name for run in found.runs] == ["again"]
