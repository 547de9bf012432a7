"""The steps a subject's plan can hold."""

from __future__ import annotations

from dataclasses import dataclass

from kafkade.api.plan import Step
from kafkade.clients.registry_model import SchemaBody


@dataclass(frozen=True, slots=True)
class SetCompatibility(Step):
    """PUT /config/{subject}. ``old`` None: the subject has no level of its own."""

    subject: str
    old: str | None
    new: str
    keep_others: bool = False
    """Whether the subject's configuration holds more than the level, which setting the old level back must keep."""

    @property
    def verb(self) -> str:
        return "set compatibility"

    @property
    def change(self) -> str:
        return f"subject {self.subject}: {self.old or 'the registry default'} -> {self.new}"


@dataclass(frozen=True, slots=True)
class UnsetCompatibility(Step):
    """Take away the level that kafkade set; the registry's own level then holds."""

    subject: str
    old: str
    keep_others: bool = False

    @property
    def verb(self) -> str:
        return "unset compatibility"

    @property
    def change(self) -> str:
        return f"subject {self.subject}: {self.old} -> the registry default"


@dataclass(frozen=True, slots=True)
class Register(Step):
    """POST /subjects/{subject}/versions. ``after`` is the latest version there is, None for a new subject."""

    subject: str
    body: SchemaBody
    normalize: bool
    after: int | None = None

    @property
    def verb(self) -> str:
        return "register"

    @property
    def change(self) -> str:
        what = f"{self.body.schema_type} schema as version {(self.after or 0) + 1}"
        references = ", ".join(str(r) for r in self.body.references)
        return f"subject {self.subject}: {what}" + (f" (references {references})" if references else "")


@dataclass(frozen=True, slots=True)
class DeleteSubject(Step):
    """DELETE /subjects/{subject}: soft, and with ``permanent`` a second time for good."""

    subject: str
    permanent: bool

    @property
    def verb(self) -> str:
        return "delete"

    @property
    def change(self) -> str:
        return f"subject {self.subject}, all versions{', permanently' if self.permanent else ' (soft delete)'}"

    @property
    def destructive(self) -> bool:
        return True
