"""From a registry's error answer to one of kafkade's errors, in one place.

Codes: Confluent schema-registry, core/…/rest/exceptions/Errors.java; Karapace, api/routers/errors.py; Apicurio,
ErrorCode.java.
"""

from __future__ import annotations

from kafkade.api.errors import (
    IncompatibleSchema,
    InvalidSchema,
    InvalidSpec,
    KafkadeError,
    NotSupportedByCluster,
    ReferencedBy,
    RegistryAuthenticationFailed,
    RegistryNotFound,
    RegistryReadOnly,
    RegistryRequestFailed,
    RegistryUnreachable,
)

SUBJECT_NOT_FOUND = 40401
VERSION_NOT_FOUND = 40402
SCHEMA_NOT_FOUND = 40403
SUBJECT_SOFT_DELETED = 40404
SUBJECT_NOT_SOFT_DELETED = 40405
NO_SUBJECT_CONFIG = 40408
NO_SUBJECT_MODE = 40409

_BY_CODE: dict[int, type[KafkadeError]] = {
    42201: InvalidSchema,
    42206: ReferencedBy,
    42208: InvalidSpec,  # not a legal subject
    42209: InvalidSchema,  # too large
    42210: InvalidSpec,  # not a legal ruleSet
    44302: NotSupportedByCluster,  # Karapace: references of JSON schemas
}


def registry_error(what: str, status: int, code: int, text: str) -> KafkadeError:
    """The error for an answer with HTTP ``status`` and the registry's ``code`` (0: none) and ``text``.

    ``what`` names the method and the subject. Codes 404xx come first: Apicurio sends 40405 with HTTP 409. Any other
    409 is an incompatible schema: error_code is 40901 in Confluent since v8.0.4 and 409 before that, in Apicurio and in
    Karapace.
    """
    message = (
        f"{what}: {text or 'no text that a registry gives'} (HTTP {status}{f', error_code {code}' if code else ''})"
    )
    if 40400 <= code <= 40499:
        return RegistryNotFound(message, code)
    if status in (401, 403):
        return RegistryAuthenticationFailed(
            f"{message}; check the credentials that the KafkaCluster gives, and their rights"
        )
    if code in _BY_CODE:
        return _BY_CODE[code](message)
    if code == 42205 and "read-only" in text.lower():
        return RegistryReadOnly(message)
    if status == 404:
        return RegistryNotFound(message, code or 404)
    if status == 409:
        return IncompatibleSchema(message)
    if status >= 500:
        return RegistryUnreachable(message)
    return RegistryRequestFailed(message, status, code)
