"""A plain HTTP client of the API server: what ``kubectl`` sends, without its start-up time, and the whole answer."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from kafkade.api import API_VERSION, GROUP, VERSION
from kafkade.api.kinds import KINDS

Object = dict[str, Any]

IDLE = 30.0
"""Seconds after which a connection is made anew: the API server closes those that were idle for long."""

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that the API server found wrong."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    body: Object
    warnings: tuple[str, ...]

    @property
    def message(self) -> str:
        """Of a refusal."""
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> list[Cause]:
        """Of a 422, one each mistake."""
        found = (self.body.get("details") or {}).get("causes") or []
        return [Cause(cause.get("field", ""), cause.get("message", "")) for cause in found]


@dataclass(frozen=True, slots=True)
class Resource:
    """What the API server tells of a kind that it serves."""

    kind: str
    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str | None = None) -> str:
        """Of a collection, or of one object in it."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        collection = f"{root}/namespaces/{namespace}/{self.plural}" if self.namespaced else f"{root}/{self.plural}"
        return collection if name is None else f"{collection}/{name}"


class Api:
    """Calls in one namespace as the user of a kubeconfig."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        server = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        self._connection = http.client.HTTPSConnection(str(server.hostname), server.port, timeout=30, context=context)
        user = config["users"][0]["user"]
        if "token" in user:
            self._headers = {"Authorization": f"Bearer {user['token']}"}
        else:
            self._headers = {}
            _log_in(context, user)
        self._used = time.monotonic()
        self.namespace = namespace

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def resources(self) -> dict[str, Resource]:
        """All that is served now, by each word that kubectl has for it: ``pod``, ``pods``, ``po``; the first one counts.

        So does the first version, which is the one that a group prefers, of those that serve it.
        """
        found: dict[str, Resource] = {}
        for root in ("/api", "/apis"):
            for group in self.call("GET", root, accept=_DISCOVERY).body["items"]:
                of = group["metadata"].get("name")
                for version in group["versions"]:
                    for one in version["resources"]:
                        made = Resource(
                            one["responseKind"]["kind"],
                            f"{of}/{version['version']}" if of else version["version"],
                            one["resource"],
                            one["scope"] == "Namespaced",
                        )
                        words = {one["resource"], one.get("singularResource", ""), made.kind, made.kind.lower()}
                        for word in words.union(one.get("shortNames", ())):
                            found.setdefault(word, made)
        return found

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Answer:
        """One request; an answer of any status is an answer."""
        data = None if body is None else json.dumps(body)
        url = f"{path}?{urlencode(query)}" if query else path
        if time.monotonic() - self._used > IDLE:
            self._connection.close()
        self._connection.request(method, url, data, {**self._headers, "Content-Type": content_type, "Accept": accept})
        response = self._connection.getresponse()
        text = response.read()
        self._used = time.monotonic()
        return Answer(response.status, json.loads(text), tuple(response.headers.get_all("Warning") or ()))

    def patient(self, *request: Any, **query: str) -> Answer:
        """One request, again while the storage of a new API server or definition "is (re)initializing"; see :meth:`call`."""
        while (answer := self.call(*request, **query)).status == 429:
            time.sleep(0.5)
        return answer

    def path(self, kind: str, name: str | None = None) -> str:
        """Of a collection of ours, or of one object in it."""
        collection = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{KINDS[kind].plural}"
        return collection if name is None else f"{collection}/{name}"

    def create(
        self,
        kind: str,
        spec: Any,
        name: str = "case",
        *,
        annotations: dict[str, str] | None = None,
        dry_run: bool = False,
    ) -> Answer:
        """Create a resource of ours, with strict field validation, as kubectl does."""
        metadata: Object = {"name": name}
        if annotations:
            metadata["annotations"] = annotations
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        return self.patient("POST", self.path(kind), body, **_options(dry_run))

    def replace(self, body: Object, *, dry_run: bool = False) -> Answer:
        """PUT a resource of ours."""
        return self.call("PUT", self.path(body["kind"], body["metadata"]["name"]), body, **_options(dry_run))

    def delete(self, kind: str, name: str, *, dry_run: bool = False) -> Answer:
        """DELETE a resource of ours."""
        return self.call("DELETE", self.path(kind, name), **({"dryRun": "All"} if dry_run else {}))

    @contextmanager
    def stored(self, kind: str, spec: Object, *, annotations: dict[str, str] | None = None) -> Iterator[Object]:
        """A resource that exists while the block runs, as GET shows it."""
        name = f"stored-{next(_numbers)}"
        created = self.create(kind, spec, name, annotations=annotations)
        assert created.status == 201, created.message
        try:
            yield self.call("GET", self.path(kind, name)).body
        finally:
            without = {"metadata": {"annotations": None, "finalizers": None}}
            self.call("PATCH", self.path(kind, name), without, "application/merge-patch+json")
            self.delete(kind, name)


def _options(dry_run: bool) -> dict[str, str]:
    return {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}


def _log_in(context: ssl.SSLContext, user: Object) -> None:
    """By the client's certificate, as kind has it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        file.flush()
        context.load_cert_chain(file.name)
