"""Carry out what was planned in Kafka for many bindings, a request for each kind of change."""

from __future__ import annotations

from collections.abc import Mapping

from kafkade.api.errors import KafkadeError, NotSupportedByCluster
from kafkade.api.objects import Key
from kafkade.bindings.access import principal
from kafkade.bindings.look import Look
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_access import ScramPassword


async def act(kafka: KafkaAdmin, looks: Mapping[Key, Look]) -> dict[Key, KafkadeError]:
    """ACLs are added, then users made and taken away, then ACLs deleted; what stands in the way of one binding, by its key.

    A user that is made may do all that it should at its first login. A crash in between leaves something that the next look
    finishes: what there should be is found out anew from the spec.

    Raises:
        KafkaError: no answer at all.
    """
    errors: dict[Key, KafkadeError] = {}

    def left(key: Key) -> bool:
        return key not in errors

    added = {acl: key for key, found in looks.items() for acl in found.access.create}
    for acl, error in (await kafka.create_acls(added)).items() if added else ():
        if error is not None:
            errors.setdefault(added[acl], error)
    passwords, deletions, owners = [], [], {}
    for key, found in looks.items():
        if not left(key):
            continue
        if found.access.set_password and found.login is not None:
            passwords.append(ScramPassword(found.login.username, found.mechanism, found.login.password))
            owners[found.login.username] = key
        for name, mechanism in found.access.deletions:
            deletions.append((name, mechanism))
            owners[name] = key
    if owners:
        for name, error in (await kafka.alter_scram_users(passwords, deletions)).items():
            if error is not None:
                errors.setdefault(owners[name], error)
    retired = {principal(name): key for key, found in looks.items() if left(key) for name in found.access.retired}
    for who, error in (await kafka.delete_allowed(retired)).items() if retired else ():
        # without an authorizer there is nothing that allows anything
        if error is not None and not isinstance(error, NotSupportedByCluster):
            errors.setdefault(retired[who], error)
    deleted = {acl: key for key, found in looks.items() if left(key) for acl in found.access.delete}
    deleted = {acl: key for acl, key in deleted.items() if acl.principal not in retired}
    for acl, error in (await kafka.delete_acls(deleted)).items() if deleted else ():
        if error is not None:
            errors.setdefault(deleted[acl], error)
    return errors
