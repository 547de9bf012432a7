"""``kafkade validate`` as a command: forms of output, exit codes, and the revision that it compares with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner, Result

from kafkade.cli.main import app
from kafkade.local.problems import RULES
from support.kubernetes import manifest

ROOT = Path(__file__).parents[3]
CLUSTER = manifest("KafkaCluster", "main", {"bootstrapServers": "kafka:9092"})
GOOD = manifest("KafkaTopic", "orders", {"clusterRef": {"name": "main"}, "partitions": 3})
MISSPELT = manifest("KafkaTopic", "returns", {"clusterRef": {"name": "main"}, "partitons": 3})
ODD = manifest("KafkaTopic", "odd", {"clusterRef": {"name": "main"}, "config": {"retention.sm": 1}})


def run(*args: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["validate", *map(str, args)], input=stdin, env={"NO_COLOR": "1", "COLUMNS": "200"})


def text(*bodies: Any) -> str:
    return yaml.safe_dump_all(bodies, sort_keys=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs: one good file, and one with a problem and a warning."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "good.yaml").write_text(text(CLUSTER, GOOD))
    (tmp_path / "m" / "a b.yaml").write_text(text(MISSPELT, ODD))
    return tmp_path


def test_problems_by_file_with_line_and_column(folder: Path) -> None:
    done = run("-f", "m")
    assert done.exit_code == 1
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0] == ["m/a", "b.yaml"]
    assert lines[1][:3] == ["9:3", "error", "KFD003"]
    assert "did you mean partitions?" in done.stdout
    assert lines[2][:3] == ["20:5", "warning", "KFD015"]
    assert done.stdout.splitlines()[-1] == "4 resources, 1 problem, 1 warning."


def test_exit_codes(folder: Path) -> None:
    assert run("m/good.yaml").exit_code == 0
    assert run("-f", "m/good.yaml").stdout == "2 resources: nothing found.\n"
    (folder / "odd.yaml").write_text(text(CLUSTER, ODD))
    assert run("odd.yaml").exit_code == 0, "a warning only"
    assert run("odd.yaml", "--strict").exit_code == 1
    for args in ((), ("-f", "m", "--against", "main"), ("-f", "-", "--against", "main"), ("-f", "m", "-o", "xml")):
        done = run(*args)
        assert done.exit_code == 2, args
        assert "Invalid value" in done.stderr


def test_a_file_that_is_not_there_and_one_that_is_not_yaml(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [1\nb: 2\n")
    found = json.loads(run("none.yaml", "broken.yaml", "-o", "json").stdout)["problems"]
    assert [(p["rule"], p["file"], p["line"], p["column"]) for p in found] == [
        ("KFD001", "broken.yaml", 2, 2),
        ("KFD001", "none.yaml", None, None),
    ]


def test_stdin_and_files_without_anything_of_kafkade(folder: Path) -> None:
    assert "KFD003" in run("-f", "-", stdin=text(MISSPELT)).stdout
    done = run("-f", "-", stdin="a: 1\n")
    assert done.exit_code == 0
    assert "none of the files has a resource of kafkade" in done.stderr


def test_what_others_wrote_is_no_command_for_a_terminal(folder: Path) -> None:
    evil = text(CLUSTER, GOOD | {"\x1b[31m\n\x9b31m\u202ered": 1})
    for form in ("table", "json", "yaml", "sarif", "junit"):
        said = run("-f", "-", "-o", form, stdin=evil).stdout
        assert "red" in said
        assert not {"\x1b", "\x9b", "\u202e"} & set(said)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_data_has_all_of_it(folder: Path, form: str) -> None:
    found = yaml.safe_load(run("-f", "m", "-o", form).stdout)
    assert found["summary"] == {"resources": 4, "errors": 1, "warnings": 1, "othersLeftOut": 0}
    assert found["problems"][0] == {
        "rule": "KFD003",
        "severity": "error",
        "file": "m/a b.yaml",
        "line": 9,
        "column": 3,
        "kind": "KafkaTopic",
        "namespace": "shop",
        "name": "returns",
        "message": "unknown field spec.partitons; did you mean partitions?",
    }


def test_sarif(folder: Path) -> None:
    """What SARIF 2.1.0 wants of a log, and code scanning of its results."""
    log = json.loads(run("-f", folder / "m", "-o", "sarif").stdout)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (only,) = log["runs"]
    assert set(only) == {"tool", "columnKind", "results"}
    assert only["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    rules = only["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.value for rule in RULES]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    assert len(only["results"]) == 2
    for result, level in zip(only["results"], ("error", "warning"), strict=True):
        assert result["level"] == level
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert unquote(place["artifactLocation"]["uri"]) == "m/a b.yaml", "relative, and a URI"
        assert " " not in place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1


def test_junit(folder: Path) -> None:
    root = ElementTree.fromstring(run("-f", "m", "-o", "junit").stdout.encode())  # noqa: S314 -- our own
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "4", "1", "0")
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"m/good.yaml", "m/a b.yaml"}
    for suite in suites.values():
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases))
        assert all(case.get("name") and case.get("classname") == suite.get("name") for case in cases)
    failed, warned = suites["m/a b.yaml"]
    failure = failed.find("failure")
    assert failed.get("name") == "KafkaTopic shop/returns"
    assert failure is not None
    assert failure.get("type") == "KFD003"
    assert (failure.text or "").startswith("m/a b.yaml:9:3: KFD003: unknown field")
    assert warned.find("failure") is None
    assert "retention.ms" in (warned.findtext("system-out") or "")


def test_against_a_revision(folder: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    (folder / "m" / "a b.yaml").unlink()
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "a")):
        subprocess.run([*git, *words], cwd=folder, check=True)
    assert run("-f", "m", "--against", "main").exit_code == 0
    (folder / "m" / "good.yaml").write_text(text(CLUSTER, GOOD).replace("partitions: 3", "partitions: 2"))
    done = run("-f", "m", "--against", "main")
    assert done.exit_code == 1
    assert "KFD102  partitions can only grow" in done.stdout
    (folder / "m" / "good.yaml").write_text(text(CLUSTER))
    done = run("-f", "m", "--against", "main")
    assert done.exit_code == 0
    assert "KFD103  KafkaTopic shop/orders was in m/good.yaml at main (line 12)" in done.stdout


def test_help_says_how_to_begin() -> None:
    said = run("--help").stdout
    for part in ("kafkade validate -f manifests/ --against origin/main", "Exit codes: 0", "--partial", "junit"):
        assert part in said


REFUSED = {
    "02-topics-and-dlqs/06-refused-names.yaml": ["KFD010"] * 3,
    "05-teams/05-refused.yaml": ["KFD009"],
    "07-broker-config-and-defaults/04-refused.yaml": ["KFD015"],
    "08-dead-letters/05-conflict.yaml": ["KFD007"],
}
"""Examples of what is refused, by the rules that they break."""
EXAMPLES = sorted(path.name for path in (ROOT / "deploy" / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_have_no_problems_but_those_that_they_show(example: str) -> None:
    # the schemas are for the topics of the example before
    needed = {"03-schemas": ["02-topics-and-dlqs"]}.get(example, [])
    paths = [ROOT / "deploy" / "examples" / name for name in (example, *needed)]
    found = json.loads(run(*paths, "-o", "json").stdout)
    assert found["summary"]["resources"] > 0
    by_file: dict[str, list[str]] = {}
    for problem in found["problems"]:
        name = str(Path(problem["file"]).relative_to(ROOT / "deploy" / "examples"))
        by_file.setdefault(name, []).append(problem["rule"])
    assert by_file == {name: rules for name, rules in REFUSED.items() if name.startswith((example, *needed))}


def test_the_gitops_example_has_no_problems() -> None:
    done = run("-f", ROOT / "deploy" / "gitops", "--strict")
    assert done.exit_code == 0, done.stdout
