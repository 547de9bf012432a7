"""Types of events: what a listener says it takes and a publisher is given, between Python objects and bytes. No registry here.

============================== =====================================================================================
``bytes``                      as they are
a class made by protoc         Protobuf
anything that pydantic knows   models, dataclasses, TypedDicts, dict, and unions of these, tagged or not: JSON or Avro
============================== =====================================================================================
"""

from __future__ import annotations

import contextlib
import json
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

from kafkade.service.errors import DeserializationException, SerializationException, ServiceError

_JSON = TypeAdapter(Any).serializer
_OWN = "__pydantic_serializer__"


def is_protobuf(kind: Any) -> bool:
    """Whether it is a message class that protoc made, told without importing protobuf."""
    return isinstance(kind, type) and hasattr(kind, "DESCRIPTOR") and hasattr(kind, "FromString")


class EventType:
    """One type of events, ready to read them."""

    def __init__(self, kind: Any) -> None:
        """Raises: ServiceError: pydantic knows no way to read such a type."""
        self.kind = kind
        self.raw = kind in (bytes, bytes | None)
        self.protobuf = is_protobuf(kind)
        self.nullable = kind == bytes | None
        """Whether None, which is a record without a value, is of the type."""
        self.adapter: TypeAdapter[Any] | None = None
        self._validator: Any = None
        """The adapter's, whose own methods do the same by way of a dozen arguments."""
        if not self.raw and not self.protobuf:
            try:
                self.adapter = TypeAdapter(kind)
            except PydanticSchemaGenerationError as error:
                raise ServiceError(
                    f"{name(kind)} cannot be an event's type: take a pydantic model, a dataclass, a union of these, dict,"
                    " bytes, or a class made by protoc"
                ) from error
            self._validator = self.adapter.validator
            with contextlib.suppress(ValidationError):
                self.nullable = self.adapter.validate_python(None) is None

    def of_json(self, data: bytes | str) -> Any:
        """The event of JSON text.

        Raises:
            DeserializationException: names the fields that do not fit, and none of their values.
        """
        assert self._validator is not None  # noqa: S101 -- callers ask for raw and protobuf first
        try:
            return self._validator.validate_json(data)
        except ValidationError as error:
            raise DeserializationException(f"not {article(name(self.kind))}: {problems(error)}") from error

    def of_data(self, data: Any) -> Any:
        """The event of what Avro gave.

        Raises:
            DeserializationException: as ``of_json``.
        """
        assert self._validator is not None  # noqa: S101 -- callers ask for raw and protobuf first
        try:
            return self._validator.validate_python(data)
        except ValidationError as error:
            raise DeserializationException(f"not {article(name(self.kind))}: {problems(error)}") from error

    def of_protobuf(self, data: bytes) -> Any:
        """The event of a Protobuf message's bytes.

        Raises:
            DeserializationException: they are none.
        """
        try:
            return self.kind.FromString(data)
        except Exception as error:  # DecodeError, of a module that need not be there
            raise DeserializationException(f"not {article(name(self.kind))}: {error}") from error


def plain(value: Any) -> bytes | None:
    """An event's bytes where no schema is: bytes as they are, text in UTF-8, Protobuf, and JSON for all else.

    Raises:
        SerializationException: it is nothing that JSON knows.
    """
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    serializer = _JSON
    if not isinstance(value, (dict, list)):
        if is_protobuf(type(value)):
            return value.SerializeToString()  # type: ignore[no-any-return]
        # what pydantic made knows how to write itself
        serializer = getattr(type(value), _OWN, _JSON)
    try:
        return serializer.to_json(value, by_alias=True)
    except ValueError as error:
        raise SerializationException(f"{name(type(value))} cannot be written as JSON: {error}") from error


def data_of(value: Any) -> Any:
    """An event as dicts and lists whose values are Python's own, which is what Avro's and JSON Schema's serializers take."""
    return getattr(type(value), _OWN, _JSON).to_python(value, by_alias=True)


def json_data_of(value: Any) -> Any:
    """The same in JSON's types alone."""
    return json.loads(plain(value) or b"null")


def problems(error: ValidationError) -> str:
    """What pydantic found, at most three, without the values, which may be anybody's."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in found[:3]]
    return "; ".join(told) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def name(kind: Any) -> str:
    """A type's name for messages."""
    if get_origin(kind) is Annotated:
        return name(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(name(member) for member in get_args(kind))
    return getattr(kind, "__name__", str(kind))


def article(word: str) -> str:
    """``an Order``, ``a User``."""
    return f"{'an' if word[:1].lower() in 'aeio' else 'a'} {word}"
