"""policy.json, which applications read, and its JSON Schema: both come from the types here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from kafkade.api.common import Int, Model
from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec, RetryStrategy
from kafkade.dlq.backoff import delays, milliseconds
from kafkade.dlq.model import SourceTopics

SCHEMA_VERSION = "kafkade.io/dlq-policy/v1"
SCHEMA_FILE = "dlq-policy.schema.json"
"""Name of the published schema in docs/reference."""

Milliseconds = Annotated[Int, Field(ge=0)]
Topic = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._-]+$")]


class FileBackoff(Model):
    """Delays between attempts."""

    initial_ms: Milliseconds = Field(description="Before the second attempt.")
    multiplier: Annotated[float, Field(ge=1.0)] = Field(description="Each further delay is the one before times this.")
    max_delay_ms: Milliseconds = Field(description="No delay is longer.")
    jitter: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="Part of each delay that is to be drawn at random: 0.2 of 100 ms is 80 to 100 ms."
    )


class FileRetry(Model):
    """How often and how a record is tried."""

    max_attempts: Annotated[Int, Field(ge=1)] = Field(description="Attempts in all, the first one included.")
    strategy: RetryStrategy = Field(
        description="InPlace: wait and try again before the next record. RetryTopics: send the record to the retry topic"
        " of the next attempt and go on."
    )
    backoff: FileBackoff = Field(description="Delays between attempts.")


class FileRoute(Model):
    """What happens on an exception of a class."""

    exception: str = Field(min_length=1, description="Name of the class, with or without its package.")
    action: ErrorAction = Field(description="What happens with the record.")


class FileRetryTopic(Model):
    """A retry topic."""

    topic: Topic = Field(description="Its name.")
    delay_ms: Milliseconds = Field(description="How long a record waits in it.")


class FileTopic(Model):
    """The topics that belong to a source topic."""

    dead_letter_topic: Topic = Field(description="Where its dead letters go.")
    retry_topics: list[FileRetryTopic] = Field(
        description="One for each attempt after the first, in their order; empty with InPlace."
    )


class PolicyFile(Model):
    """What an application does with records whose processing fails: policy.json in the ConfigMap of a KafkaDLQPolicy."""

    schema_version: Literal["kafkade.io/dlq-policy/v1"] = Field(
        description="Names this schema. Fields are never added, removed or changed under the same name."
    )
    retry: FileRetry = Field(description="What comes before a record is a dead letter.")
    delays_ms: list[Milliseconds] = Field(
        description="Delays before attempts 2, 3 and so on, worked out of retry; without jitter."
    )
    routes: list[FileRoute] = Field(description="What happens by class of the exception; the first that fits counts.")
    default_action: ErrorAction = Field(
        description="What happens on an exception without a route. RETRY becomes DEAD_LETTER after the last attempt."
    )
    topics: dict[Topic, FileTopic] = Field(
        description="The source topics by name.",
        # pydantic gives the names a pattern, and would let others pass
        json_schema_extra={"additionalProperties": False},
    )


def policy_json(spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics]) -> str:
    """The file's text: a line for each field and each topic, so that a change shows as the lines that changed."""
    fields = policy_file(spec, topics).model_dump(mode="json", by_alias=True)
    sources = [f"    {_compact(name)}: {_compact(value)}" for name, value in fields.pop("topics").items()]
    lines = [f"  {_compact(name)}: {_compact(value)}" for name, value in fields.items()]
    lines.append('  "topics": {' + ("\n" + ",\n".join(sources) + "\n  }" if sources else "}"))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def policy_file(spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics]) -> PolicyFile:
    """What policy.json says of a policy and its source topics, which are in the order given."""
    waits = delays(spec.retry)
    backoff = spec.retry.backoff
    return PolicyFile(
        schema_version=SCHEMA_VERSION,
        retry=FileRetry(
            max_attempts=spec.retry.max_attempts,
            strategy=spec.retry.strategy,
            backoff=FileBackoff(
                initial_ms=milliseconds(backoff.initial),
                multiplier=backoff.multiplier,
                max_delay_ms=milliseconds(backoff.max_delay),
                jitter=backoff.jitter,
            ),
        ),
        delays_ms=list(waits),
        routes=[FileRoute(exception=route.exception, action=route.action) for route in spec.routes],
        default_action=spec.default_action,
        topics={
            entry.topic: FileTopic(
                dead_letter_topic=entry.dead_letter_topic,
                retry_topics=[
                    FileRetryTopic(topic=name, delay_ms=wait)
                    for name, wait in zip(entry.retry_topics, waits[: len(entry.retry_topics)], strict=True)
                ],
            )
            for entry in topics
        },
    )


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of policy.json."""
    schema = PolicyFile.model_json_schema(by_alias=True, mode="serialization")
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_titles(schema)}
    described["title"] = SCHEMA_VERSION
    return described


def json_schema_text() -> str:
    """The text of docs/reference/dlq-policy.schema.json."""
    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"


def _without_titles(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of field names; a field that is named title stays."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
    }


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
