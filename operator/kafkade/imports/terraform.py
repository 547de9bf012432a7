"""Topics of Terraform's provider mongey/kafka (kafka_topic), as ``terraform show -json`` prints a state or a plan.

That form has all variables, loops and modules resolved, which HCL has not. A state file itself (version 4) is read as well.
https://developer.hashicorp.com/terraform/internals/json-format, kafka/resource_kafka_topic.go
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from kafkade.api.kinds import TOPIC
from kafkade.imports.fields import Fields
from kafkade.imports.model import Found, Imported, Target, spec_of_topic, unset
from kafkade.local.documents import Document
from kafkade.local.problems import Place

_TOPIC = "kafka_topic"
_NO_FORM = "is no output of terraform show -json, and no state file"
_BY_CLUSTER = -1
"""replication_factor that leaves it to the brokers (Confluent's placement constraints)."""
_STATE_VERSION = 4

Resource = tuple[str, str, Fields]
"""Type, address and attributes."""


def convert(documents: Sequence[Document], target: Target) -> Imported:
    """KafkaTopics for kafka_topic resources; others get a warning a type."""
    imported = Imported()
    for document in documents:
        others: dict[str, list[tuple[str, Place]]] = defaultdict(list)
        for kind, address, values in _resources(document, imported):
            if kind == _TOPIC:
                _topic(address, values, target, imported)
            else:
                others[kind].append((address, values.place()))
        for kind, found in sorted(others.items()):
            address, place = found[0]
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            imported.warn(place, f"{address}{more} left out: only {_TOPIC} is imported, not {kind}")
    return imported


def _resources(document: Document, imported: Imported) -> Iterator[Resource]:
    body = document.body
    fields = Fields(document, imported)
    if "planned_values" in body or "values" in body:
        found = fields.inner("planned_values" if "planned_values" in body else "values")
        yield from _module(found.inner("root_module"))
    elif body.get("version") == _STATE_VERSION and isinstance(body.get("resources"), list):
        yield from _state(fields)
    elif "format_version" in body:
        imported.warn(document.place(), "is empty: no resource is in it")
    else:
        imported.refuse(document.place(), _NO_FORM)


def _module(module: Fields) -> Iterator[Resource]:
    for resource in module.items("resources"):
        if resource.text("mode") != "data":
            yield resource.text("type") or "", resource.text("address") or "", resource.inner("values")
    for child in module.items("child_modules"):
        yield from _module(child)


def _state(fields: Fields) -> Iterator[Resource]:
    for resource in fields.items("resources"):
        if resource.text("mode") == "data":
            continue
        kind, module = resource.text("type") or "", resource.text("module")
        name = f"{module}.{kind}" if module else kind
        for instance in resource.items("instances"):
            index = instance.take("index_key")
            if index is not None and not isinstance(index, str | int):
                instance.refuse("index_key", "expected a text or an integer")
                index = None
            address = f"{name}.{resource.text('name')}" + ("" if index is None else f"[{json.dumps(index)}]")
            yield kind, address, instance.inner("attributes")


def _topic(address: str, values: Fields, target: Target, imported: Imported) -> None:
    values.skip("id")
    name = values.text("name")
    if not name:
        imported.refuse(
            values.place(),
            f"{address} has no name: one that is known only after terraform apply cannot be imported from a plan; apply it,"
            " and give the state",
        )
        return
    partitions, factor = values.integer("partitions"), values.integer("replication_factor")
    if factor == _BY_CLUSTER:
        factor = None
        imported.warn(values.place("replication_factor"), f"{address}: {unset(['replication_factor'], 'it')}")
    config = values.settings("config")
    values.rest()
    imported.take(
        Found(
            kind=TOPIC,
            own_name=name,
            document=values.document,
            path=(*values.path, "name"),
            namespace=target.namespace_for(None),
            spec=spec_of_topic(target.cluster_for(None), partitions, factor, config),
        )
    )
