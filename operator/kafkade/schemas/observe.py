"""Facts of a subject, read in as few calls as they take; nothing is written in here.

A subject that is as declared costs the look-up, its config, its mode and its latest version; one that is not there yet needs
no look-up, nor its latest version where the answer to its config says that much, nor its config where it is one of many and
a list of all subjects says it for all of them. Only where a version must be registered are the references' texts, the older
versions and the registry's verdict read as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from kafkade.api.errors import (
    InvalidSchema,
    KafkadeError,
    ReferenceNotReady,
    RegistryAuthenticationFailed,
    RegistryNotFound,
)
from kafkade.api.schema import Compatibility
from kafkade.clients.registry import Flavour, Reference, Registered, RegistryClient, SchemaBody, SubjectConfig, Verdict
from kafkade.schemas.compatibility import is_transitive
from kafkade.schemas.desired import Desired
from kafkade.schemas.recent import recent_of
from kafkade.schemas.source import Source

MANY = 20
"""New subjects in a batch from which on all subjects are listed. In an Apicurio (3.3.3) with 2,000 of them the list takes as
much CPU as a question about ten."""

NAMES = 100
"""Subjects in that list for each new one in the batch, at most: where there are more, each is asked for."""

_Held = tuple[tuple[Registered | None, str | None], Registered | None]
"""What the look-up finds or what the registry says of a schema that it cannot read, and the latest version."""


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """What the registry holds for one subject, as far as it matters to one declared schema."""

    flavour: Flavour = "Unknown"
    found: Registered | None = None
    """The version that the look-up finds for the declared schema."""
    latest: Registered | None = None
    level: str | None = None
    """The subject's own level; where a registry does not tell own from inherited (Apicurio), the one in force."""
    other_settings: bool = False
    """Whether the subject's configuration holds more than a level."""
    global_level: str | None = None
    mode: str | None = None
    verdict: Verdict | None = None
    """The registry's word on the declared schema as next version, under the level in force now; None: not asked."""
    invalid: str | None = None
    """What the registry said of the declared schema when it could not read it."""
    source: Source | None = None
    """The declared schema with its references' texts; read only where it must be registered."""
    history: tuple[tuple[int, Source], ...] = ()
    """Older versions that the level asks about, oldest first; read only where a local check is wanted."""

    @property
    def level_in_force(self) -> str | None:
        """The subject's own level, else the registry's."""
        return self.level or self.global_level


@dataclass(slots=True)
class RegistryView:
    """One registry during one batch: what holds for all subjects, and texts that are read once."""

    client: RegistryClient
    flavour: Flavour = "Unknown"
    global_level: str | None = None
    dry: bool = False
    new: int = 0
    """How many subjects of the batch are expected not to be there."""
    _texts: dict[tuple[str, int], asyncio.Future[Registered]] = field(default_factory=dict)
    _expected: set[tuple[str, int]] = field(default_factory=set)
    """Versions that are not registered yet."""
    _global_mode: asyncio.Future[str | None] | None = None
    _names: asyncio.Future[frozenset[str] | None] | None = None
    remembers: bool = False
    """Whether a version that an earlier batch read was used."""

    @classmethod
    async def open(cls, client: RegistryClient, *, dry: bool = False, new: int = 0) -> RegistryView:
        """Ask what holds for all subjects. ``dry``: for plans that are not carried out. ``new``: subjects to be made.

        Raises:
            RegistryUnreachable: nothing answers.
            RegistryError: the registry refuses.
        """
        flavour = await client.flavour()
        try:
            level = await client.global_level()
        except (RegistryAuthenticationFailed, RegistryNotFound):
            level = None  # rights on single subjects only, or no such call: every subject then speaks for itself
        return cls(client, flavour, level, dry, new)

    def expect(self, wanted: Desired, version: int) -> None:
        """Take a declared schema for registered as this version: what references it can be planned before it is."""
        body, key = wanted.body, (wanted.subject, version)
        held = Registered(version, 0, body.schema, body.schema_type, body.references, body.metadata, body.rule_set)
        self._texts[key] = asyncio.get_running_loop().create_future()
        self._texts[key].set_result(held)
        self._expected.add(key)

    def know(self, wanted: Desired, registered: Registered) -> None:
        """A version was registered just now: what references it needs not ask for it."""
        if registered.schema and registered.references is not None:
            # Apicurio's answer leaves the type out
            recent_of(self.client).put(wanted.subject, replace(registered, schema_type=wanted.body.schema_type))

    def forget(self) -> None:
        """Trust nothing that was read before: an error came of it."""
        recent_of(self.client).clear()
        self._texts = {key: text for key, text in self._texts.items() if key in self._expected}
        self.remembers = False

    def _waits(self, wanted: Desired) -> bool:
        """Whether a schema references what is only expected: the registry cannot be asked about it."""
        return any((r.subject, r.version) in self._expected for r in wanted.body.references)

    async def observe(self, wanted: Desired, *, known: bool = True) -> SubjectFacts | KafkadeError:
        """The facts for one declared subject, or the error that kept them away.

        ``known``: whether the subject is expected to be there, which only says what is asked first.
        """
        try:
            return await self._observe(wanted, known)
        except KafkadeError as error:
            return error

    async def _observe(self, wanted: Desired, known: bool) -> SubjectFacts:
        client, subject = self.client, wanted.subject
        (config, ((found, invalid), latest)), mode = await asyncio.gather(
            self._config_and_held(wanted, known), client.mode(subject, otherwise=self._registry_mode)
        )
        facts = SubjectFacts(
            flavour=self.flavour,
            found=await self._with_references(subject, found, latest),
            latest=latest,
            level=config.level if config else None,
            other_settings=bool(config and config.others),
            global_level=self.global_level,
            mode=mode,
            invalid=invalid,
        )
        if not differs(wanted, facts):
            return facts
        return await self._for_registration(wanted, facts)

    async def _config_and_held(self, wanted: Desired, known: bool) -> tuple[SubjectConfig | None, _Held]:
        """The subject's configuration, and what ``_held`` tells.

        Apicurio says of the configuration itself that there is no such subject: then there is no version, and its look-up
        would not even read the schema (3.3.3).
        """
        if known or self.flavour != "Apicurio":
            config, held = await asyncio.gather(self.client.subject_config(wanted.subject), self._held(wanted))
            return config, held
        # a level that somebody set before the subject is there changes nothing for its first version, unless one is declared
        if wanted.level is None and (names := await self._listed()) is not None and wanted.subject not in names:
            return SubjectConfig(None, absent=True), ((None, None), None)
        config = await self.client.subject_config(wanted.subject)
        absent = config is not None and config.absent
        return config, ((None, None), None) if absent else await self._held(wanted)

    async def _held(self, wanted: Desired) -> _Held:
        """What the look-up finds, and the latest version.

        Where there is no version the look-up would only tell whether the registry can read the schema. Registering tells
        that as well, but too late where a level is to be set before, or where nothing is to be done but a plan.
        """
        if wanted.level is not None or wanted.observe_only or self.dry:
            (found, invalid), latest = await asyncio.gather(self._lookup(wanted), self.client.latest(wanted.subject))
        else:
            latest = await self.client.latest(wanted.subject)
            found, invalid = (None, None) if latest is None else await self._lookup(wanted)
        if found is not None and not await self._is_of_type(wanted, found, latest):
            found = None
        return (found, invalid), latest

    async def _listed(self) -> frozenset[str] | None:
        """All subjects, listed once a batch where that costs less than to ask for each new one; None where it does not."""
        if self.new < MANY or recent_of(self.client).names > NAMES * self.new:
            return None
        if self._names is None:
            self._names = asyncio.ensure_future(self._list())
        return await asyncio.shield(self._names)

    async def _list(self) -> frozenset[str] | None:
        try:
            names = await self.client.subjects(deleted=True)
        except KafkadeError:
            return None  # rights on single subjects only, or trouble that the next question will tell of
        recent_of(self.client).names = len(names)
        return frozenset(names)

    async def _registry_mode(self) -> str | None:
        """The registry's own mode, asked for once a batch."""
        if self._global_mode is None:
            self._global_mode = asyncio.ensure_future(self.client.global_mode())
        return await asyncio.shield(self._global_mode)

    async def _lookup(self, wanted: Desired) -> tuple[Registered | None, str | None]:
        if self._waits(wanted):
            return None, None
        try:
            return await self.client.lookup(wanted.subject, wanted.body, wanted.normalize), None
        except InvalidSchema as error:
            return None, error.message

    async def _is_of_type(self, wanted: Desired, found: Registered, latest: Registered | None) -> bool:
        """Apicurio's look-up goes by the text, and finds an Avro schema for the same text as JSON Schema."""
        if found.schema_type == wanted.body.schema_type:
            return True
        # what a look-up leaves out, the version says, as the registry has it and not as it was declared here
        same = latest is not None and latest.version == found.version
        held = latest if same else await self.client.version(wanted.subject, found.version)
        return held is not None and held.schema_type == wanted.body.schema_type

    async def _with_references(
        self, subject: str, found: Registered | None, latest: Registered | None
    ) -> Registered | None:
        """The version found with its references as GET tells them: Karapace's look-up never carries any.

        What is compared with the spec is read now.
        """
        if found is None or not (found.references is None or self.flavour in ("Karapace", "Unknown")):
            return found
        same = latest is not None and latest.version == found.version
        held = latest if same else await self.client.version(subject, found.version)
        return replace(found, references=held.references if held else None)

    async def _for_registration(self, wanted: Desired, facts: SubjectFacts) -> SubjectFacts:
        facts, held = replace(facts, source=await self._source(wanted.body)), facts.latest
        target = target_level(wanted, facts)
        if held is None or facts.invalid or target in (None, "NONE") or unsupported(wanted, facts):
            return facts
        if not level_changes(wanted, facts) and _can_ask(wanted, facts) and not self._waits(wanted):
            try:
                latest = _against_latest(facts.flavour, target)
                verdict = await self.client.compatible(wanted.subject, wanted.body, wanted.normalize, latest=latest)
            except InvalidSchema as error:
                return replace(facts, invalid=error.message)
            facts = replace(facts, verdict=verdict)
            if verdict.compatible:
                return facts
        return replace(facts, history=await self._history(wanted.subject, held, target))

    async def with_history(self, wanted: Desired, facts: SubjectFacts) -> SubjectFacts:
        """The same facts with the older versions, to explain a refusal by."""
        if facts.latest is None or facts.history:
            return facts
        return replace(facts, history=await self._history(wanted.subject, facts.latest, target_level(wanted, facts)))

    async def _history(self, subject: str, latest: Registered, level: str | None) -> tuple[tuple[int, Source], ...]:
        known = known_level(level)
        if known is None or known is Compatibility.NONE:
            return ()
        numbers = await self.client.versions(subject) if is_transitive(known) else (latest.version,)
        versions = await asyncio.gather(*(self._version(subject, n) for n in numbers if n != latest.version))
        everything = sorted((*versions, latest), key=lambda v: v.version)
        sources = await asyncio.gather(*(self._registered_source(v) for v in everything))
        return tuple((v.version, s) for v, s in zip(everything, sources, strict=True))

    async def _source(self, body: SchemaBody) -> Source:
        return Source(body.schema, body.schema_type, await self._references(body.references))

    async def _registered_source(self, registered: Registered) -> Source:
        references = await self._references(registered.references or ())
        return Source(registered.schema, registered.schema_type, references)

    async def _references(self, references: tuple[Reference, ...]) -> tuple[tuple[str, Source], ...]:
        """What is referenced, directly or not: each version is read once, however many ways lead to it."""
        held: dict[tuple[str, int], Registered] = {}
        level = list(references)
        while level := list({(r.subject, r.version): r for r in level if (r.subject, r.version) not in held}.values()):
            found = await asyncio.gather(*(self._referenced(r) for r in level))
            held |= {(r.subject, r.version): registered for r, registered in zip(level, found, strict=True)}
            level = [reference for registered in found for reference in registered.references or ()]
        return _sources(references, held)

    async def _referenced(self, reference: Reference) -> Registered:
        try:
            return await self._version(reference.subject, reference.version)
        except RegistryNotFound as error:
            raise ReferenceNotReady(
                f"reference {reference.name}: the registry has no subject {reference.subject} with version"
                f" {reference.version}; register it first, or correct spec.references"
            ) from error

    async def _version(self, subject: str, version: int) -> Registered:
        """A version's text never changes, so one call serves the batch."""
        key = (subject, version)
        if key not in self._texts:
            known = recent_of(self.client).get(subject, version)
            if known is not None:
                self.remembers = True
                return known
            self._texts[key] = asyncio.ensure_future(self._read(subject, version))
        return await asyncio.shield(self._texts[key])

    async def _read(self, subject: str, version: int) -> Registered:
        found = await self.client.version(subject, version)
        recent_of(self.client).put(subject, found)
        return found


def _sources(
    references: tuple[Reference, ...], held: Mapping[tuple[str, int], Registered]
) -> tuple[tuple[str, Source], ...]:
    """The texts behind references; ``held`` has all that they lead to."""
    made: dict[tuple[str, int], Source] = {}

    def of(named: tuple[Reference, ...] | None) -> tuple[tuple[str, Source], ...]:
        return tuple((r.name, made[r.subject, r.version]) for r in named or ())

    leads_to = {key: [(r.subject, r.version) for r in registered.references or ()] for key, registered in held.items()}
    try:
        for key in TopologicalSorter(leads_to).static_order():
            made[key] = Source(held[key].schema, held[key].schema_type, of(held[key].references))
    except CycleError as error:
        way = " -> ".join(f"{subject}:{version}" for subject, version in error.args[1])
        raise InvalidSchema(f"versions in the registry reference each other in a circle: {way}") from error
    return of(references)


def known_level(level: str | None) -> Compatibility | None:
    """A level that a registry names; None for none, and for one that kafkade does not know."""
    return Compatibility(level) if level is not None and level in Compatibility.__members__ else None


def target_level(wanted: Desired, facts: SubjectFacts) -> str | None:
    """The level that will be in force when the schema is registered, as far as the spec alone says."""
    if wanted.level is not None:
        return wanted.level.value
    return facts.global_level if unsets(wanted, facts) else facts.level_in_force


def level_changes(wanted: Desired, facts: SubjectFacts) -> bool:
    """Whether another level than the registry's present one will be in force when the schema is registered."""
    return target_level(wanted, facts) != facts.level_in_force


def _against_latest(flavour: Flavour, level: str | None) -> bool:
    """Which form of the compatibility check says what registering would say.

    Confluent: ``/versions``. Karapace has only ``/versions/latest``. Apicurio (3.3.3): each form checks exactly the
    versions it names, so that ``/versions`` fits the transitive levels and ``/versions/latest`` the others.
    """
    known = known_level(level)
    return flavour == "Karapace" or (flavour == "Apicurio" and not (known is not None and is_transitive(known)))


def _can_ask(wanted: Desired, facts: SubjectFacts) -> bool:
    """Apicurio's compatibility check knows no references: it calls such schemas invalid (seen on 3.3.3).

    Registering checks with them, and writes nothing when it refuses.
    """
    return facts.flavour != "Apicurio" or not wanted.body.references


def unsets(wanted: Desired, facts: SubjectFacts) -> bool:
    """Whether the level that kafkade set goes: the spec names none any more, and it is still the one that was set."""
    return wanted.level is None and facts.level in wanted.formerly_set


def unsupported(wanted: Desired, facts: SubjectFacts) -> str | None:
    """What the declared schema needs and this kind of registry does not have; None when it has it all."""
    if facts.flavour in ("Apicurio", "Karapace"):
        names = [n for n, v in (("metadata", wanted.body.metadata), ("ruleSet", wanted.body.rule_set)) if v is not None]
        if names:
            return (
                f"{facts.flavour} takes spec.{' and spec.'.join(names)} and does not store it: take it out of the spec"
            )
    if facts.flavour == "Karapace" and wanted.body.schema_type == "JSON" and wanted.body.references:
        return "Karapace has no references between JSON Schemas (its error 44302): put the definitions into one schema"
    return None


def differs(wanted: Desired, facts: SubjectFacts) -> bool:
    """Whether the declared schema is not registered as it is declared: text, references, metadata and rules."""
    found = facts.found
    if found is None:
        return True
    return not (same_references(wanted, found) and same_contract(wanted.body, found))


def same_references(wanted: Desired, found: Registered) -> bool:
    """Whether the version found has the declared references (jikkou#790: a look-up may find it by its text alone).

    References that the registry does not tell in a readable form (jikkou#233) are taken for equal: the look-up found them.
    """
    return found.references is None or sorted(found.references) == sorted(wanted.body.references)


def same_contract(body: SchemaBody, found: Registered) -> bool:
    """Whether metadata and rules hold what is declared; more than that may come from the subject's config."""
    return _within(body.metadata, found.metadata) and _within(body.rule_set, found.rule_set)


def _within(declared: object, held: object) -> bool:
    if declared is None:
        return True
    if isinstance(declared, dict):
        return isinstance(held, dict) and all(_within(v, held.get(k)) for k, v in declared.items())
    if isinstance(declared, list):
        return isinstance(held, list) and all(any(_within(d, h) for h in held) for d in declared)
    return declared == held
