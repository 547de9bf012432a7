"""Writes docs/reference/: one page for each kind from its pydantic types, and the list of reasons from the error tree.

And docs/results.md with its plots, from what benchmarks and suites recorded in docs/results/.

``python docs/generate.py`` writes the pages; with ``--check`` it writes nothing and ends with 1 when one is stale.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

from kafkade.api import API_VERSION, errors
from kafkade.api.crd import CATEGORY, crd
from kafkade.api.kinds import KINDS, Kind
from kafkade.bindings import render
from kafkade.cli.main import app
from kafkade.devstack.generated import main
from kafkade.dlq.render_policy import SCHEMA_FILE, json_schema_text
from kafkade.local.problems import RULES

sys.path.append(str(Path(__file__).parents[1] / "bench"))  # scripts, which are not installed

import results

FOLDER = Path(__file__).parent / "reference"
HEAD = "<!-- Made by docs/generate.py; change the types in operator/kafkade/api instead. -->\n"

GOOD_REASONS: Mapping[str, str] = {
    "Reconciled": "Everything is as declared.",
    "Observed": "managementPolicy is Observe: Ready says whether everything is as declared; nothing is changed.",
    "Paused": "spec.paused is true: nothing is checked or changed. Ready is Unknown.",
    "Reassigning": "Replicas move to other brokers; the topic serves meanwhile and status.reassignment shows how far it is.",
    "Rolling": "Pods of a KafkaCluster's spec.rolling are replaced one by one; Ready stays True, and status.rolling says how"
    " far it is.",
    "WaitingForTopics": "A KafkaDLQPolicy waits for KafkaTopics that it made, or that somebody wrote for it.",
    "MakingUser": "A KafkaServiceBinding's user has its name written down in status, and is made next.",
    "Redriving": "A KafkaDLQRedrive is at work; status.counts says how far it is.",
    "WaitingForRedrive": "A KafkaDLQRedrive waits for another one that puts dead letters of the same topic back.",
    "WaitingForWorker": "A KafkaDLQRedrive waits, since as many as may are at work already.",
    "Cancelling": "A KafkaDLQRedrive stops after the transaction that runs.",
    "Cancelled": "A KafkaDLQRedrive was stopped for good; what was put back stays put back.",
    "Completed": "A KafkaDLQRedrive has done all that it was to do.",
    "Deleting": "A KafkaCluster in deletion waits for resources of it that are in deletion as well, since they need its"
    " connection.",
}
"""Reasons of the conditions that tell of no error."""

EVENT_REASONS: Mapping[str, str] = {
    "Recovered": "Ready again after a failure.",
    "DriftRepaired": "Something was changed outside kafkade and was set back; status.drift has the values.",
    "TopicDeletedOutside": "The topic was deleted outside kafkade, with its records; it is made anew, empty.",
    "TopicRecreatedOutside": "The topic was deleted and made again outside kafkade: its id is another. adoptionPolicy says"
    " whether it is taken over.",
    "TopicKept": "The resource went and the topic stayed, because it belongs to another resource or is not the one that"
    " kafkade made.",
    "SubjectKept": "The resource went and the subject stayed, because it belongs to another resource or is not the one"
    " that kafkade registered.",
    "Kept": "The resource went and nothing was deleted outside, because its cluster does not let its namespace in.",
    "ClusterGone": "The resource went and nothing was deleted outside, because its KafkaCluster is gone or could not be"
    " reached: see concepts/deletion.md for the rule.",
    "DeadLettersKept": "A topic left a KafkaDLQPolicy whose deletionPolicy is Delete; it stays in Kafka all the same.",
    "Completed": "A KafkaDLQRedrive has done all that it was to do; the message has the counts.",
    "Cancelled": "A KafkaDLQRedrive was stopped by spec.cancel; the message has the counts.",
    "UserRemoved": "A KafkaServiceBinding's user of an earlier credentials.generation was taken away, with its ACLs.",
    "RollingPod": "A pod of a KafkaCluster's spec.rolling was deleted, so that it comes back as the newest revision.",
    "Rolled": "All pods of a KafkaCluster's spec.rolling are of the newest revision and Ready.",
    "NamingWarning": "The topic's name breaks a naming policy whose mode is Warn.",
}
"""Reasons of Events beyond those of the conditions."""

ALERT_REASONS: Mapping[str, str] = {
    "DepthExceeded": "More dead letters wait in a topic than spec.alert.depth.",
    "AgeExceeded": "The oldest dead letter of a topic is older than spec.alert.age.",
    "GrowthExceeded": "Dead letters come to a topic faster than spec.alert.growthPerMinute.",
    "WithinLimits": "No limit of spec.alert is passed.",
}
"""Reasons of a KafkaDLQPolicy's condition Alert."""

_AREAS = {
    "SpecError": "What was declared cannot be done",
    "DependencyError": "Something that another resource must bring is missing",
    "KafkaError": "What a broker, or the way to it, answered",
    "RegistryError": "What the schema registry, or the way to it, answered",
    "KubernetesError": "What the Kubernetes API answered",
}


def pages() -> dict[Path, str]:
    """The text of each page by its path."""
    result = {f"{kind.kind.lower()}.md": kind_page(kind) for kind in KINDS.values()}
    result["reasons.md"] = reasons_page()
    result["rules.md"] = rules_page()
    result["commands.md"] = commands_page()
    result[SCHEMA_FILE] = json_schema_text()
    result[render.SCHEMA_FILE] = render.json_schema_text()
    return {FOLDER / name: text for name, text in result.items()} | results.pages()


COMMANDS = (
    *("run", "validate", "plan", "apply", "export", "import", "ui", "dev up", "dev run"),
    *("diagnose consumer", "diagnose producer", "diagnose topic", "diagnose cluster", "schema export"),
)
"""Commands that have a section in commands.md."""


def commands_page() -> str:
    """What commands take, as ``--help`` says it."""
    lines = [
        HEAD,
        "# Commands",
        "",
        "Guides: [validate](../guides/validate.md), [plan and apply](../guides/plan-and-apply.md),"
        " [export and import](../guides/export-and-import.md), [monitoring](../guides/monitoring.md), [web pages](../guides/ui.md),"
        " [what is wrong?](../guides/diagnose.md). `kafkade --help` lists all.",
        "",
        "`kafkade --install-completion` has bash, zsh, fish and PowerShell complete commands, options and their values.",
    ]
    for name in COMMANDS:
        command = _command(name)
        lines += ["", f"## kafkade {name}", "", *(command.help or "").strip().splitlines(), ""]
        if isinstance(command, TyperGroup):
            for inner, found in command.commands.items():
                lines += [f"### kafkade {name} {inner}", "", *(found.help or "").strip().splitlines(), ""]
            # they have the same options
            command = next(iter(command.commands.values()))
        lines += ["| option | default | environment | what it is |", "|---|---|---|---|"]
        for option in command.params:
            if not isinstance(option, TyperOption):
                continue
            names = ", ".join(f"`{n}`" for n in sorted(option.opts, key=len))
            value = f" `{option.metavar}`" if option.metavar else ""
            default = "" if option.default in (None, False) else f"`{option.default}`"
            names = _cell(f"{names}{value}")
            variable = f"`{option.envvar}`" if option.envvar else ""
            lines.append(f"| {names} | {default} | {variable} | {_cell(option.help or '')} |")
    return "\n".join((*lines, ""))


def rules_page() -> str:
    """What `kafkade validate` looks for."""
    lines = [
        HEAD,
        "# Rules of kafkade validate",
        "",
        "The ids are stable: one that goes is not given to another rule. Guide: [validate](../guides/validate.md).",
        "",
        "| rule | name | what it finds |",
        "|---|---|---|",
        *(f"| {rule.value} | {about.name} | {about.text} |" for rule, about in RULES.items()),
    ]
    return "\n".join((*lines, ""))


def _command(name: str) -> Any:
    """A command, or one of a group: ``dev up``."""
    found: Any = typer.main.get_group(app)
    for word in name.split():
        found = found.commands[word]
    return found


def kind_page(kind: Kind) -> str:
    """The page of one kind."""
    root = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec, status = root["properties"]["spec"], root["properties"]["status"]
    lines = [
        HEAD,
        f"# {kind.kind}",
        "",
        spec["description"],
        "",
        f"`apiVersion: {API_VERSION}`, `kind: {kind.kind}`, namespaced. With kubectl: `{kind.plural}`, `{kind.short}`, and"
        f" all kinds together as `{CATEGORY}`.",
        "",
        "## spec",
        "",
        "| field | type | what it is |",
        "|---|---|---|",
        *(_row(path, schema, required) for path, schema, required in fields(spec)),
        "",
        "## Rules",
        "",
        "The API server refuses a resource that breaks one of these, with this message, when it is applied.",
        "",
        "| where | message | rule |",
        "|---|---|---|",
        *(_rule_row(where, rule) for where, rule in rules(root)),
        "",
        "## status",
        "",
        "| field | type | what it is |",
        "|---|---|---|",
        *(_row(path, schema, False) for path, schema, _ in fields(status)),
        "",
        "## Columns of kubectl get",
        "",
        "| column | from | |",
        "|---|---|---|",
        *(f"| {c.name} | `{_cell(c.path)}` | {'with `-o wide`' if c.wide else ''} |" for c in kind.columns),
    ]
    return "\n".join(lines) + "\n"


def fields(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Path, schema and whether it is required, of each field, its own fields after it."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, inner, name in required
        yield from fields(inner, f"{path}.")
        yield from fields(inner.get("items", {}), f"{path}[].")
        more = inner.get("additionalProperties")
        if isinstance(more, Mapping):
            yield from fields(more, f"{path}.*.")


def rules(schema: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Place and CEL rule, of each rule."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield where or "the resource", rule
    for name, inner in schema.get("properties", {}).items():
        yield from rules(inner, f"{where}.{name}".lstrip("."))
    if "items" in schema:
        yield from rules(schema["items"], f"{where}[]")


def reasons_page() -> str:
    """All reasons that conditions and Events can have."""
    lines = [
        HEAD,
        "# Reasons",
        "",
        "Every condition (Ready, Reconciling, Stalled) has one of these reasons and a message that names the cause and the"
        " way out. Where kafkade tries again by itself, Reconciling is True; where somebody must change something, Stalled"
        " is True.",
        "",
        "## No error",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason}` | {_cell(text)} |" for reason, text in GOOD_REASONS.items()),
    ]
    for area, title in _AREAS.items():
        lines += ["", f"## {title}", "", "| reason | meaning | tried again by itself |", "|---|---|---|"]
        lines += _error_rows(getattr(errors, area))
    lines += [
        "",
        "## Events",
        "",
        "A condition that turns to an error posts an Event of type Warning with the condition's reason and message. Besides:",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason}` | {_cell(text)} |" for reason, text in EVENT_REASONS.items()),
        "",
        "## The condition Alert of a KafkaDLQPolicy",
        "",
        "True while a limit is passed; an Event has the reason too when that begins or ends.",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason}` | {_cell(text)} |" for reason, text in ALERT_REASONS.items()),
    ]
    return "\n".join(lines) + "\n"


def _error_rows(area: type[errors.KafkadeError]) -> list[str]:
    by_reason: dict[str, list[type[errors.KafkadeError]]] = {}
    # the tree first, then those that stand where they are raised, whichever of them was loaded first
    for error in sorted(area.__subclasses__(), key=lambda e: "" if e.__module__ == errors.__name__ else e.__name__):
        by_reason.setdefault(error.reason, []).append(error)
    rows = []
    for reason, classes in by_reason.items():
        meaning = " ".join(_summary(error) for error in classes)
        again = "yes" if all(error.retryable for error in classes) else "no"
        rows.append(f"| `{reason}` | {_cell(meaning)} | {again} |")
    return rows


def _summary(error: type[errors.KafkadeError]) -> str:
    return " ".join((inspect.getdoc(error) or "").split("\n\n")[0].split()).replace("``", "`")


def _row(path: str, schema: Mapping[str, Any], required: bool) -> str:
    must = " **Required.**" if required else ""
    return f"| `{path}` | {_type(schema)} | {_cell(schema.get('description', ''))}{must}{_limits(schema)} |"


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return "map of string, integer or boolean"
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if schema["type"] == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(schema['additionalProperties'])}"
    return str(schema["type"])


def _limits(schema: Mapping[str, Any]) -> str:
    parts = []
    if "enum" in schema:
        parts.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".")
    if "minimum" in schema or "maximum" in schema:
        bounds = [f"at least {schema['minimum']}"] if "minimum" in schema else []
        bounds += [f"at most {schema['maximum']}"] if "maximum" in schema else []
        parts.append(" and ".join(bounds).capitalize() + ".")
    if "maxLength" in schema:
        parts.append(f"At most {schema['maxLength']} characters.")
    if "maxItems" in schema:
        parts.append(f"At most {schema['maxItems']} items.")
    if "pattern" in schema:
        parts.append(f"Pattern `{_cell(schema['pattern'])}`.")
    return "".join(f" {part}" for part in parts)


def _rule_row(where: str, rule: Mapping[str, str]) -> str:
    return f"| `{where}` | {_cell(rule['message'])} | `{_cell(rule['rule'])}` |"


def _cell(text: str) -> str:
    """Text that fits a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(__doc__, pages, "make crds", results.found()))
