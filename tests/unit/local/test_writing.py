"""Manifests as text and as files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kafkade.api.errors import InvalidSpec
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, TOPIC
from kafkade.api.objects import Key
from kafkade.local.manifests import load
from kafkade.local.writing import Draft, in_order, setting, stream, write


def draft(name: str, namespace: str = "shop", kind: str = TOPIC, **spec: object) -> Draft:
    return Draft(Key(kind, namespace, name), {"clusterRef": {"name": "main"}, **spec})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("604800000", 604800000),
        ("-1", -1),
        ("true", True),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("007", "007"),
        ("0.50", "0.50"),
        ("compact,delete", "compact,delete"),
        ("", ""),
    ],
)
def test_a_setting_is_written_as_people_write_it(text: str, value: object) -> None:
    found = setting(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["1e3", "0.50", "0x1F", "y", "no", "2020-01-01", "null", "~", "12:30", "1_000", ".5", ""]
)
def test_texts_stay_texts_for_every_reader(text: str) -> None:
    written = draft("a", config={"key": text}).text
    assert yaml.safe_load(written)["spec"]["config"]["key"] == text
    value = written.rpartition("key: ")[2].strip()
    assert value[0] in "'\"", f"{value} would be a number or a boolean to Kubernetes"


@pytest.mark.parametrize(
    "schema",
    [
        'syntax = "proto3";\n\nmessage A {\n\tstring b = 1;  // tab\n}\n',
        "trailing space \nand more\n\n",
        "\n first line empty",
        "  indented\nless",
        "# no comment\n---\nno document",
        "tab\tin a line\nü € 😀",
        "next\x85line",
        "next\x85line\nand more",
        "line\u2028separator\nand more\u2028",
        "paragraph\u2029separator\nand more",
        "\x85next line\n",
        "bell \x07\nand more",
        "a\u3000wide space\xa0\nand more",
    ],
)
def test_texts_of_several_lines_come_back_as_they_were(schema: str, tmp_path: Path) -> None:
    write([draft("s", kind=SCHEMA, subject="s", schemaType="PROTOBUF", schema=schema)], tmp_path, force=False)
    found = load([str(tmp_path)], "default")
    assert not found.problems
    assert found.resources[Key(SCHEMA, "shop", "s")].spec["schema"] == schema


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200b", "\x1b", "\x9b", "\ufeff", "\U000e0041"])
@pytest.mark.parametrize("text", ["safe{}txt", "first{}\nsecond", "{}", 'quote"{}', "\\{}", "{} " * 60])
def test_what_is_not_to_be_seen_is_escaped(char: str, text: str) -> None:
    value = text.format(char) if "{} " not in text else text.replace("{}", char)
    written = draft("a", **{"config": {"key": value, f"k{char}": "x"}}).text
    assert char not in written
    assert yaml.safe_load(written)["spec"]["config"] == {"key": value, f"k{char}": "x"}


def test_a_stream_has_first_what_others_name() -> None:
    drafts = [draft("b"), draft("s", kind=SCHEMA), draft("a"), draft("main", kind=CLUSTER)]
    assert [d.key.name for d in in_order(drafts)] == ["main", "a", "b", "s"]
    assert [body["metadata"]["name"] for body in yaml.safe_load_all(stream(drafts))] == ["main", "a", "b", "s"]


def test_a_comment_stands_above_the_resource() -> None:
    text = Draft(Key(TOPIC, "shop", "a"), {}, comment=("first", "", "last")).text
    assert text.startswith("# first\n#\n# last\napiVersion: ")


def test_each_resource_has_a_file_and_each_of_several_namespaces_a_folder(tmp_path: Path) -> None:
    write([draft("a"), draft("main", kind=CLUSTER)], tmp_path / "one", force=False)
    write([draft("a"), draft("a", namespace="other")], tmp_path / "two", force=False)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["one/clusters/main.yaml", "one/topics/a.yaml", "two/other/topics/a.yaml", "two/shop/topics/a.yaml"]


@pytest.mark.parametrize(
    "found",
    [draft("../../x"), draft("/tmp/x"), draft(".."), draft("a", namespace=".."), draft("a", namespace="/tmp")],  # noqa: S108
)
def test_nothing_is_written_outside_of_the_folder(found: Draft, tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="outside of the folder"):
        write([draft("b"), found], tmp_path / "in" / "out", force=False)
    assert list(tmp_path.iterdir()) == []


def test_kubectl_comes_to_topics_before_the_policies_that_would_make_them(tmp_path: Path) -> None:
    write([draft(kind, kind=kind) for kind in (TOPIC, DLQ_POLICY)], tmp_path, force=False)
    assert [folder.name for folder in sorted(tmp_path.iterdir())] == ["topics", "topics-dead-letters"]


def test_nothing_is_written_where_something_else_is(tmp_path: Path) -> None:
    first = write([draft("a"), draft("gone")], tmp_path, force=False)
    assert (len(first.written), len(first.same)) == (2, 0)
    with pytest.raises(InvalidSpec, match=r"topics/a\.yaml would be overwritten.*--force"):
        write([draft("a", partitions=2), draft("b")], tmp_path, force=False)
    assert not (tmp_path / "topics" / "b.yaml").exists()
    found = write([draft("a", partitions=2), draft("b")], tmp_path, force=True)
    assert [p.name for p in found.written] == ["a.yaml", "b.yaml"]
    assert [p.name for p in found.others] == ["gone.yaml"]
    again = write([draft("a", partitions=2), draft("b")], tmp_path, force=False)
    assert (again.written, [p.name for p in again.same]) == ((), ["a.yaml", "b.yaml"])


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InvalidSpec, match=r"taken.* cannot be written"):
        write([draft("a")], tmp_path / "taken", force=False)
