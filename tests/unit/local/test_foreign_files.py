"""Files that anybody may have written: each is read, or is a problem with its place; none crashes, hangs or eats the memory."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kafkade.api.kinds import KINDS
from kafkade.local.documents import documents_of
from kafkade.local.manifests import Manifests, load, manifests_of

TOPIC = """apiVersion: kafkade.io/v1alpha1
kind: KafkaTopic
metadata: {name: orders, namespace: shop}
spec:
  clusterRef: {name: main}
"""
LETTERS = "bcdefghij"


def laughs(last: str) -> str:
    """Each line ten times as large as the one before it (the billion laughs of XML)."""
    first = "a: &a {k: v}\n"
    lines = (
        f"{name}: &{name} {{{', '.join(f'k{n}: *{before}' for n in range(10))}}}\n"
        for before, name in zip("a" + LETTERS, LETTERS, strict=False)
    )
    return first + "".join(lines) + last


def loaded(content: str | bytes) -> Manifests:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return manifests_of(*documents_of([("a.yaml", data)]), "default")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[" * 100_000, "a.yaml:1:101: more than 100 objects and lists in one another", id="flow lists"),
        pytest.param("{a: " * 50_000, "a.yaml:1:401: more than 100 objects and lists in one another", id="flow objects"),
        pytest.param("- " * 5_000 + "x", "a.yaml:1:201: more than 100 objects and lists in one another", id="block lists"),
        pytest.param(
            TOPIC + "  config: " + "{a: " * 110 + "1" + "}" * 110,
            "a.yaml:6:403: more than 100 objects and lists in one another",
            id="a spec",
        ),
        pytest.param(laughs(TOPIC), "a.yaml:6:20: with its aliases written out there are more than 100,000 values", id="a bomb"),
        pytest.param(TOPIC + "  config: &x {a: *x}", "a.yaml:6:18: *x stands within what it names", id="a circle"),
        pytest.param(TOPIC + f"  partitions: {'9' * 5000}", "a.yaml:6:15: not YAML: what stands here is no int that can be read", id="a number"),  # noqa: E501
        pytest.param("a: 0x" + "f" * 5000, "a.yaml:1:4: not YAML: what stands here is no int that can be read", id="hexadecimal"),
        pytest.param("a: !!binary /w==", "a.yaml:1:4: not YAML: what stands here is no base64 of a text that can be read", id="bytes"),
        pytest.param("a: !!int x", "a.yaml:1:4: not YAML: what stands here is no int that can be read", id="no int"),
        pytest.param("a: !!bool x", "a.yaml:1:4: not YAML: what stands here is no bool that can be read", id="no bool"),
        pytest.param("a: !!float x", "a.yaml:1:4: not YAML: what stands here is no float that can be read", id="no float"),
        pytest.param("a: !!timestamp x", "a.yaml:1:4: not YAML: what stands here is no timestamp that can be read", id="no date"),
        pytest.param(
            "a: !!python/object/apply:os.system [id]",
            "a.yaml:1:4: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
            id="a call",
        ),
    ],
)  # fmt: skip
def test_what_would_do_harm_is_a_problem_with_its_place(text: str, problem: str) -> None:
    found = loaded(text)
    assert [str(one) for one in found.problems] == [problem]
    assert found.resources == {}


def test_aliases_are_taken_where_they_do_no_harm() -> None:
    text = TOPIC.replace("namespace: shop", 'namespace: shop, labels: &same {retention.ms: "1000"}') + "  config: *same"
    (manifest,) = loaded(text).resources.values()
    assert manifest.spec["config"] == manifest.labels == {"retention.ms": "1000"}


def test_binary_is_a_text_as_in_kubernetes() -> None:
    (manifest,) = loaded(TOPIC + "  topicName: !!binary aGVsbG8=").resources.values()
    assert manifest.spec["topicName"] == "hello"


def test_a_secrets_value_is_in_no_problem() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\n"
    for line in ("stringData: {password: !!int hunter2}", "data: {password: hunter2!}", "stringData: [hunter2]"):
        found = loaded(text + line)
        assert found.problems
        assert "hunter2" not in " ".join(map(str, found.problems))


_MARKS = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " \n\t-:?,[]{}#&*!|>'\"%@`~.\\\0\ud800é"), max_size=80
)


@settings(max_examples=300)
@given(st.one_of(_MARKS, st.binary(max_size=60)))
@example("\ufeffa: b")
@example(b"\xff\xfea\x00:\x00")
@example("? [a]\n: b")
@example("<<: [1, 2]\n")
def test_any_text_is_read_or_is_a_problem(content: str | bytes) -> None:
    found = loaded(content)
    assert all(problem.place.file == "a.yaml" for problem in found.problems)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=8), st.integers()), inner, max_size=4)
    ),
    max_leaves=12,
)
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "data", "stringData", "items")
_NAMES = (
    "clusterRef",
    "partitions",
    "config",
    "bootstrapServers",
    "topics",
    "schema",
    "references",
    "dlq",
    "rolling",
    "auth",
)
_SPECS = st.one_of(_VALUES, st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=4))


@settings(max_examples=300)
@given(
    st.sampled_from([*KINDS, "Secret", "ConfigMap", "Namespace", "List"]),
    _SPECS,
    st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=2),
)
def test_any_object_of_a_kind_is_a_manifest_or_a_problem(kind: str, spec: Any, odd: dict[str, Any]) -> None:
    version = "kafkade.io/v1alpha1" if kind in KINDS else "v1"
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec, "data": spec} | odd
    found = loaded(yaml.safe_dump(body, allow_unicode=True))
    assert found.resources or found.problems or found.others or kind not in KINDS or odd or found.runs


def test_the_same_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[" * 100_000)
    assert [problem.place.column for problem in load([str(tmp_path)], "default").problems] == [101]
