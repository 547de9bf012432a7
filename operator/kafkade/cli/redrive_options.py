"""The options of ``kafkade dlq redrive`` as the spec of a KafkaDLQRedrive, so that the same rules hold for both. Pure.

What is wrong is said of the option that it stands in (typer.BadParameter, exit code 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from pydantic import ValidationError

from kafkade.api.errors import InvalidSpec
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.dlq.redrive.job import Job

_OPTIONS: Mapping[tuple[str, ...], str] = {
    ("source", "topic"): "TOPIC",
    ("destination", "topic"): "--to",
    ("filter", "errorClass"): "--error-class",
    ("filter", "errorMessage"): "--error-message",
    ("filter", "origin"): "--origin",
    ("filter", "key"): "--key",
    ("filter", "headers"): "--header",
    ("filter", "since"): "--since",
    ("filter", "until"): "--until",
    ("filter", "partitions"): "--partition",
    ("filter", "offsets"): "--offsets",
    ("headers", "remove"): "--remove-header",
    ("headers", "add"): "--add-header",
    ("loopGuard", "maxRedrives"): "--max-redrives",
    ("loopGuard", "quarantineTopic"): "--quarantine-topic",
    ("rateLimit",): "--rate-limit",
    ("maxRecords",): "--max-records",
}
"""The option for a place in the spec."""

_PROBLEMS = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    # of the types in the spec that have a pattern, only topics are given by options
    "string_pattern_mismatch": "not a topic's name, which has letters, digits, dots, dashes and underscores only",
}
"""Better words than pydantic's for a command line, by its name of the error."""

_CLUSTER = {"name": "command-line"}
"""In place of a KafkaCluster: the command has an address, and nothing looks at this."""

_OFFSETS = re.compile(r"(\d{1,10}):(?:(\d{1,19})|(\d{0,19})-(\d{0,19}))")
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


def spec_of(raw: Mapping[str, Any]) -> KafkaDLQRedriveSpec:
    """The spec that ``raw``, with None for what was not given, declares.

    Raises:
        typer.BadParameter: an option cannot be used.
    """
    try:
        return KafkaDLQRedriveSpec.model_validate({"clusterRef": _CLUSTER, **_without_nothing(raw)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = _PROBLEMS.get(first["type"], first["msg"])
        raise typer.BadParameter(problem, param_hint=_option(first["loc"])) from error


def job_of(spec: KafkaDLQRedriveSpec, run_id: str) -> Job:
    """The job of a run.

    Raises:
        typer.BadParameter: an option, or the run's name, cannot be used.
    """
    if not _ID.fullmatch(run_id):
        raise typer.BadParameter("may have up to 100 letters, digits, dots, dashes and underscores", param_hint="--id")
    topic = spec.source.topic or ""
    guard = spec.loop_guard
    for option, name in (("--to", spec.destination.topic), ("--quarantine-topic", guard and guard.quarantine_topic)):
        if name == topic:
            raise typer.BadParameter(f"{topic} is the dead-letter topic itself", param_hint=option)
    try:
        return Job.of(spec, run_id, topic)
    except InvalidSpec as error:
        field, _, problem = error.message.removeprefix("filter.").partition(": ")
        raise typer.BadParameter(problem, param_hint=f"--{field}") from error


def header_matches(texts: Iterable[str]) -> list[dict[str, str | None]]:
    """``NAME`` or ``NAME=VALUE`` of each --header."""
    parts = (text.partition("=") for text in texts)
    return [{"name": name, "value": value if equals else None} for name, equals, value in parts]


def add_headers(texts: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` of each --add-header.

    Raises:
        typer.BadParameter: one is not like that, or a name is there twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{text!r} is not like NAME=VALUE", param_hint="--add-header")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--add-header")
        found[name] = value
    return found


def offset_ranges(texts: Iterable[str]) -> list[dict[str, int | None]]:
    """``P:FIRST-LAST`` of each --offsets; ``P:N`` is one offset.

    Raises:
        typer.BadParameter: one is not like that, or ends before it begins.
    """
    found = []
    for text in texts:
        match = _OFFSETS.fullmatch(text)
        if match is None:
            raise typer.BadParameter(
                f"{text!r} is not like P:FIRST-LAST: 0:5-9, 0:5- (to the end), 0:-9 (from the beginning)",
                param_hint="--offsets",
            )
        partition, only, first, last = (int(part) if part else None for part in match.groups())
        first, last = (first, last) if only is None else (only, only)
        if first is not None and last is not None and last < first:
            raise typer.BadParameter(f"{text!r} ends before it begins", param_hint="--offsets")
        found.append({"partition": partition, "first": first, "last": last})
    return found


def _without_nothing(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``raw`` without None and without objects in which nothing else is."""
    found = {key: _without_nothing(value) if isinstance(value, Mapping) else value for key, value in raw.items()}
    return {key: value for key, value in found.items() if value is not None and value != {}}


def _option(place: tuple[int | str, ...]) -> str:
    names = tuple(str(part) for part in place)
    return next((_OPTIONS[names[:size]] for size in (2, 1) if names[:size] in _OPTIONS), ".".join(names))
