"""All checks of some manifests, in the order of files and lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kafkade.api.objects import Key
from kafkade.local.checks import changes, claims, names, references, schemas, settings
from kafkade.local.checks.world import World
from kafkade.local.documents import Document, documents_of, read
from kafkade.local.git import Revision
from kafkade.local.manifests import CONFIG_MAP, Manifests, manifests_of
from kafkade.local.problems import Place, Problem, Rule


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it."""

    resources: tuple[tuple[Key, Place], ...]
    """kafkade's resources, those with problems among them, and where they stand."""
    problems: tuple[Problem, ...]
    others: int
    """Kubernetes objects of other kinds."""

    @property
    def errors(self) -> int:
        """Problems that are more than warnings."""
        return sum(1 for problem in self.problems if not problem.warning)

    @property
    def warnings(self) -> int:
        """Problems that are warnings."""
        return sum(1 for problem in self.problems if problem.warning)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where manifests come from. ``watched`` is given all documents of files and gives them back, one by one."""

    paths: tuple[str, ...]
    namespace: str
    partial: bool = False
    watched: Callable[[Sequence[Document]], Iterable[Document]] = iter

    def now(self) -> Manifests:
        """As the files are."""
        documents, problems = read(self.paths, foreign=True)
        return manifests_of(self.watched(documents), problems, self.namespace)

    def at(self, revision: Revision) -> Manifests:
        """As a git revision has them.

        Raises:
            GitFailed: they cannot be read.
        """
        return manifests_of(*documents_of(revision.files(self.paths), foreign=True), self.namespace)


def check(sources: Sources, revision: Revision | None = None) -> Checked:
    """Check manifests; with ``revision`` also what they change of it. What is wrong in the revision itself is passed over.

    Raises:
        GitFailed: the revision cannot be read.
    """
    world = World(sources.now(), partial=sources.partial)
    policies = names.policies(world)
    named = list(names.check(world, policies))
    unentitled = frozenset(
        p.key for p in named if p.key is not None and p.rule in (Rule.GRANT, Rule.NAME) and not p.warning
    )
    found = [
        *world.manifests.problems,
        *references.check(world),
        *named,
        *claims.check(world, policies, unentitled),
        *settings.check(world),
        *schemas.check(world),
    ]
    if revision is not None:
        old = World(sources.at(revision), partial=True)
        found += changes.check(old, world, revision.name)
    return Checked(_resources(world.manifests), _in_order(found), sum(world.manifests.others.values()))


def _resources(manifests: Manifests) -> tuple[tuple[Key, Place], ...]:
    return tuple((key, document.place()) for key, document in manifests.documents.items() if key.kind != CONFIG_MAP)


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.rule, p.message)))
