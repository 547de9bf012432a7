"""Confluent's schema-registry REST API, as Confluent, Apicurio (ccompat v7) and Karapace speak it.

No decisions and no retries in here, except failover to another URL. Every error is one of kafkade's own; its message
names the method, the subject and the registry's own text.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import Any
from urllib.parse import quote

from kafkade.api.errors import RegistryNotFound, RegistryRequestFailed
from kafkade.clients.registry_errors import (
    NO_SUBJECT_CONFIG,
    NO_SUBJECT_MODE,
    SCHEMA_NOT_FOUND,
    SUBJECT_NOT_FOUND,
    SUBJECT_SOFT_DELETED,
    VERSION_NOT_FOUND,
)
from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_model import (
    Flavour,
    Receipt,
    Reference,
    Registered,
    RegistryAuth,
    RegistryProbe,
    SchemaBody,
    SubjectConfig,
    Verdict,
)
from kafkade.clients.registry_probe import probe
from kafkade.clients.registry_schemas import RegistrySchemas

__all__ = [
    "Flavour",
    "Receipt",
    "Reference",
    "Registered",
    "RegistryAuth",
    "RegistryClient",
    "RegistryProbe",
    "SchemaBody",
    "SubjectConfig",
    "Verdict",
]

_ABSENT = frozenset({SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND, SUBJECT_SOFT_DELETED})

_ALL = 1_000_000
"""More subjects than a registry has."""


class RegistryClient:
    """One schema registry behind one or more URLs, tried in order on connection errors.

    ``context`` (Confluent, with its leading dot) is put before every subject. ``timeout`` is in seconds, per attempt.
    Methods raise RegistryUnreachable, RegistryAuthenticationFailed, RegistryReadOnly, RegistryNotFound (with its code),
    IncompatibleSchema, InvalidSchema, ReferencedBy, NotSupportedByCluster or RegistryRequestFailed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        auth: RegistryAuth | None = None,
        ssl: ssl.SSLContext | None = None,
        context: str | None = None,
        timeout: float = 10,
        concurrency: int = 8,
    ) -> None:
        self._http = RegistryTransport(urls, auth=auth, tls=ssl, timeout=timeout, concurrency=concurrency)
        self._prefix = f":{context}:" if context and context != "." else ""
        self._probed: RegistryProbe | None = None

    def __repr__(self) -> str:
        return f"RegistryClient({', '.join(self._http.urls)})"

    def beside(self, concurrency: int) -> RegistryClient:
        """Another client of the same registry, to be closed on its own: neither waits for the other's requests."""
        made = copy(self)
        made._http = self._http.beside(concurrency)
        return made

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def probe(self) -> RegistryProbe:
        """Find out which software answers and whether it can be used; never raises a registry's error."""
        self._probed = await probe(self._http)
        return self._probed

    async def flavour(self) -> Flavour:
        """The flavour found last; asks only when none was found yet.

        Raises:
            RegistryUnreachable: nothing that is a registry answers; the message says what does.
        """
        found = self._probed if self._probed is not None and self._probed.reachable else await self.probe()
        if not found.reachable:
            # the same question once more, so that what answers 401 or nothing raises as any other call does
            await self._http.call("GET", "/schemas/types", "GET /schemas/types")
            raise RegistryRequestFailed(found.message or "the schema registry cannot be used")
        return found.flavour

    @property
    def schemas(self) -> RegistrySchemas:
        """The same registry, asked by the ids that records carry."""
        return RegistrySchemas(self._http)

    # schemas

    async def lookup(self, subject: str, body: SchemaBody, normalize: bool) -> Registered | None:
        """The version of ``subject`` that has this schema, or None. One call, whatever the number of versions."""
        path = f"/subjects/{self._s(subject)}"
        return await self._registered("POST", path, f"look up subject {subject}", body, normalize)

    async def register(self, subject: str, body: SchemaBody, normalize: bool) -> Receipt:
        """Register a version. The same schema again changes nothing in any flavour."""
        return await self._http.call(
            "POST",
            f"/subjects/{self._s(subject)}/versions",
            f"register subject {subject}",
            {"normalize": _flag(normalize)},
            body.json(),
            read=Receipt.from_json,
        )

    async def latest(self, subject: str) -> Registered | None:
        """The newest version that is not deleted, or None."""
        return await self._registered("GET", f"/subjects/{self._s(subject)}/versions/latest", f"get subject {subject}")

    async def version(self, subject: str, version: int) -> Registered:
        """One version, also a soft-deleted one, which a schema may still reference."""
        return await self._http.call(
            "GET",
            f"/subjects/{self._s(subject)}/versions/{version}",
            f"get subject {subject} version {version}",
            {"deleted": "true"},
            read=Registered.from_json,
        )

    async def version_of_id(self, subject: str, schema_id: int) -> int | None:
        """The newest version of ``subject`` that has the schema with this id and is not deleted; None where none is told."""
        path, what = f"/schemas/ids/{schema_id}/versions", f"get versions of schema {schema_id}"
        try:
            found = await self._http.call("GET", path, what, read=_places)
        except RegistryNotFound:
            return None
        return max((version for name, version in found if name == self._prefix + subject), default=None)

    async def subjects(self, *, deleted: bool = False) -> tuple[str, ...]:
        """Subjects with a version that is not deleted, sorted. ``deleted``: also those whose versions are deleted softly.

        Without a context Confluent names those of all contexts, the others with theirs before: ``:.context:subject``.

        Who names no limit gets 1,000 of Apicurio, and a page of it that is not full says nothing, since it filters what it has
        found within the limit. Where Confluent's administrator has set a limit, the rest comes in further pages. Karapace
        knows neither limits nor pages.
        """
        found: set[str] = set()
        while True:
            params = {"offset": str(len(found)), "limit": str(_ALL)}
            if self._prefix:
                params["subjectPrefix"] = self._prefix
            if deleted:
                params["deleted"] = "true"
            page = await self._http.call("GET", "/subjects", "list the subjects", params, read=_texts)
            before = len(found)
            found.update(page)
            if len(found) == before:
                return tuple(sorted(name.removeprefix(self._prefix) for name in found))

    async def versions(self, subject: str) -> tuple[int, ...]:
        """Numbers of the versions that are not deleted, oldest first."""
        try:
            return await self._http.call(
                "GET",
                f"/subjects/{self._s(subject)}/versions",
                f"list versions of subject {subject}",
                read=lambda answer: tuple(sorted(_numbers(answer))),
            )
        except RegistryNotFound as error:
            if error.code in _ABSENT:
                return ()
            raise

    async def compatible(self, subject: str, body: SchemaBody, normalize: bool, *, latest: bool = False) -> Verdict:
        """What the registry says of this schema as the next version, under the level in force. Nothing is written.

        By default it asks ``/versions``, which in Confluent checks what registering checks; with ``latest`` it asks
        ``/versions/latest``, the only form that Karapace has (a transitive level looks at all versions there too).
        """
        path = f"/compatibility/subjects/{self._s(subject)}/versions"
        what = f"check compatibility of subject {subject}"
        params = {"normalize": _flag(normalize), "verbose": "true"}
        try:
            try:
                last = "/latest" if latest else ""
                return await self._http.call("POST", path + last, what, params, body.json(), read=_verdict)
            except RegistryNotFound as error:
                if latest or error.code in _ABSENT:
                    raise
                return await self._http.call("POST", f"{path}/latest", what, params, body.json(), read=_verdict)
        except RegistryNotFound as error:
            if error.code in _ABSENT:
                return Verdict(True)  # nothing to be incompatible with
            raise

    async def delete_subject(self, subject: str, *, permanent: bool) -> None:
        """Soft delete, or what must follow one: a permanent delete. RegistryNotFound's code tells what was gone."""
        kind = "delete permanently" if permanent else "delete"
        params = {"permanent": "true"} if permanent else None
        await self._http.call("DELETE", f"/subjects/{self._s(subject)}", f"{kind} subject {subject}", params)

    async def referenced_by(self, subject: str, version: int) -> tuple[int, ...]:
        """Ids of the schemas that reference this version."""
        path = f"/subjects/{self._s(subject)}/versions/{version}/referencedby"
        what = f"get referrers of subject {subject} version {version}"
        return await self._http.call("GET", path, what, read=_numbers)

    # config and mode

    async def subject_config(self, subject: str) -> SubjectConfig | None:
        """The subject's own configuration; None when it has none, which is normal (40408).

        Some answer 40401 then: a configuration without a level that is ``absent``.
        """
        try:
            return await self._http.call(
                "GET",
                f"/config/{self._s(subject)}",
                f"get config of subject {subject}",
                read=SubjectConfig.from_json,
            )
        except RegistryNotFound as error:
            if error.code == SUBJECT_NOT_FOUND:
                return SubjectConfig(None, absent=True)
            if error.code in (NO_SUBJECT_CONFIG, SUBJECT_SOFT_DELETED):
                return None
            raise

    async def set_level(self, subject: str, level: str | None) -> None:
        """Set the subject's level; None takes only the level away and keeps other settings (Confluent)."""
        what = f"set compatibility of subject {subject}"
        await self._http.call("PUT", f"/config/{self._s(subject)}", what, None, {"compatibility": level})

    async def delete_config(self, subject: str) -> None:
        """Take the subject's configuration away. None there to take is no error."""
        try:
            await self._http.call("DELETE", f"/config/{self._s(subject)}", f"delete config of subject {subject}")
        except RegistryNotFound as error:
            if error.code not in (NO_SUBJECT_CONFIG, SUBJECT_NOT_FOUND, SUBJECT_SOFT_DELETED):
                raise

    async def global_level(self) -> str | None:
        """The level in force for subjects (of this context) without a level of their own."""
        if self._prefix:
            path, params = f"/config/{self._s('')}", {"defaultToGlobal": "true"}
        else:
            path, params = "/config", {}
        what = "get the registry's config"
        return (await self._http.call("GET", path, what, params, read=SubjectConfig.from_json)).level

    async def mode(self, subject: str, otherwise: Callable[[], Awaitable[str | None]] | None = None) -> str | None:
        """The mode in force for the subject: READWRITE, READONLY, …; None where the registry does not tell.

        ``otherwise`` gives the registry's own mode where it tells nothing of the subject; by default it is asked for.
        """
        try:
            return await self._http.call(
                "GET",
                f"/mode/{self._s(subject)}",
                f"get mode of subject {subject}",
                {"defaultToGlobal": "true"},
                read=_mode,
            )
        except RegistryNotFound as error:
            if error.code in (NO_SUBJECT_MODE, SUBJECT_NOT_FOUND, SUBJECT_SOFT_DELETED, 404):
                return await self.global_mode()
            raise

    async def global_mode(self) -> str | None:
        """The registry's own mode; None where there is no such call."""
        try:
            return await self._http.call("GET", "/mode", "get the registry's mode", read=_mode)
        except RegistryNotFound:
            return None

    async def set_mode(self, subject: str, mode: str) -> None:
        """Set the mode of a subject (Confluent, Apicurio)."""
        path, what = f"/mode/{self._s(subject)}", f"set mode of subject {subject}"
        await self._http.call("PUT", path, what, None, {"mode": mode})

    # helpers

    def _s(self, subject: str) -> str:
        """The qualified subject, percent-encoded as one path segment."""
        return quote(self._prefix + subject, safe="")

    async def _registered(
        self, method: str, path: str, what: str, body: SchemaBody | None = None, normalize: bool | None = None
    ) -> Registered | None:
        params = None if normalize is None else {"normalize": _flag(normalize)}
        try:
            given = None if body is None else body.json()
            return await self._http.call(method, path, what, params, given, read=Registered.from_json)
        except RegistryNotFound as error:
            if error.code in _ABSENT:
                return None
            raise


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _texts(answer: Any) -> list[str]:
    if not isinstance(answer, list):
        raise TypeError("no list")
    return [str(item) for item in answer]


def _numbers(answer: Any) -> tuple[int, ...]:
    if not isinstance(answer, list):
        raise TypeError("no list")
    return tuple(int(item) for item in answer)


def _places(answer: Any) -> list[tuple[str, int]]:
    return [(str(place["subject"]), int(place["version"])) for place in answer]


def _verdict(answer: Any) -> Verdict:
    return Verdict(bool(answer["is_compatible"]), tuple(_texts(answer.get("messages") or [])))


def _mode(answer: Any) -> str | None:
    mode = answer.get("mode") if isinstance(answer, dict) else None
    return None if mode is None else str(mode)
