"""Says whether manifests are valid: the API server's dry run, kubeconform by the API server's own schemas, Pod Security."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from kafkade.devstack.helm import kubeconform
from support.api import Answer, Api
from support.waiting import until

APPLY = "application/apply-patch+yaml"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")

Object = dict[str, Any]


class Judge:
    """Asks the API server of a kubeconfig; nothing is stored."""

    def __init__(self, kubeconfig: Path, namespace: str, folder: Path) -> None:
        """``namespace`` is where manifests without one belong; ``folder`` takes the schemas."""
        self._api = Api(kubeconfig, namespace)
        self._schemas = folder
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self._definitions: dict[str, Object] = {}
        self.namespace = namespace

    def close(self) -> None:
        """End the connection."""
        self._api.close()

    def check(self, manifests: Iterable[Object]) -> None:
        """All three; pods must pass restricted Pod Security.

        Raises:
            AssertionError: it names the object and what is wrong with it.
        """
        found = list(manifests)
        for item in found:
            answer = self.dry_run(item)
            assert answer.status in (200, 201), f"{item['kind']} {item['metadata']['name']}: {answer.message}"
            assert answer.warnings == (), f"{item['kind']} {item['metadata']['name']}: {answer.warnings}"
        for pod in pods(found):
            answer = self.dry_run(pod)
            assert answer.status in (200, 201), f"pod of {pod['metadata']['name']}: {answer.message}"
        self.conform(found)

    def dry_run(self, item: Object) -> Answer:
        """What the API server says to a server-side apply of it, with strict validation of fields."""
        version, kind = item["apiVersion"], item["kind"]
        plural, namespaced = self._kind(version, kind)
        name = item["metadata"]["name"]
        place = f"/namespaces/{item['metadata'].get('namespace', self.namespace)}" if namespaced else ""
        return self._api.patient(
            "PATCH",
            f"{_root(version)}{place}/{plural}/{name}",
            item,
            APPLY,
            dryRun="All",
            fieldManager="judge",
            fieldValidation="Strict",
            force="true",
        )

    def conform(self, items: Iterable[Object]) -> None:
        """kubeconform -strict, by schemas of what this API server itself publishes."""
        found = list(items)
        for item in found:
            self._write_schema(item["apiVersion"], item["kind"])
        # kubeconform has the version without its group by this name
        template = str(self._schemas / "{{ .ResourceAPIVersion }}-{{ .ResourceKind }}.json")
        kubeconform(yaml.dump_all(found, Dumper=yaml.CSafeDumper), [template])

    def _kind(self, version: str, kind: str) -> tuple[str, bool]:
        """What the API server tells of a kind; of a new one a moment after its definition is served."""

        def known() -> bool:
            with suppress(json.JSONDecodeError):  # of a group that is not served yet there is a page of plain text
                for one in self._api.call("GET", _root(version)).body.get("resources", ()):
                    if "/" not in one["name"]:
                        self._kinds[version, one["kind"]] = (one["name"], one["namespaced"])
            return (version, kind) in self._kinds

        if (version, kind) not in self._kinds:
            until(known, f"{kind} of {version} is served", timeout=20)
        return self._kinds[version, kind]

    def _name(self, version: str, kind: str) -> str | None:
        """What the published schemas call a kind; they have it a moment after the API server serves it."""

        def found() -> str | None:
            return next((n for n, d in self._definitions.items() if _is_of(d, version, kind)), None)

        if found() is None:
            self._definitions = self._api.call("GET", "/openapi/v2").body["definitions"]
        return found()

    def _write_schema(self, version: str, kind: str) -> None:
        target = self._schemas / f"{version.rpartition('/')[2]}-{kind.lower()}.json"
        if target.exists():
            return
        until(lambda: self._name(version, kind) is not None, f"the schema of {version} {kind} is published")
        name = self._name(version, kind)
        assert name is not None
        needed = {name: _strict(self._definitions[name])}
        waiting = list(_references(needed[name]))
        while waiting:
            one = waiting.pop()
            if one not in needed:
                needed[one] = _strict(self._definitions[one])
                waiting += _references(needed[one])
        target.write_text(json.dumps({"$ref": f"#/definitions/{name}", "definitions": needed}))


def pods(items: Iterable[Object]) -> Iterator[Object]:
    """The pods that workloads would make."""
    for item in items:
        if item["kind"] in WORKLOADS:
            template = item["spec"]["template"]
            metadata = {**template["metadata"], "name": item["metadata"]["name"]}
            claims = [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", ())]
            volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
            spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", ()), *volumes]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _is_of(definition: Object, version: str, kind: str) -> bool:
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "version": number, "kind": kind}
    return wanted in definition.get("x-kubernetes-group-version-kind", ())


def _references(schema: Any) -> Iterator[str]:
    """Names of the definitions that a strict one refers to."""
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)


def _strict(schema: Object) -> Object:
    """A definition of OpenAPI as JSON schema in which no unknown field passes; for checks only what tells types."""
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made: Object = {key: schema[key] for key in ("$ref", "type", "enum", "required", "pattern") if key in schema}
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: _strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            made[key] = _strict(schema[key])
    if _is_quantity(schema):
        made["type"] = ["string", "number"]
    return made


def _is_quantity(schema: Object) -> bool:
    return str(schema.get("description", "")).startswith("Quantity is a fixed-point representation")
