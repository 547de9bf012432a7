"""Rights in Kafka, given by hand."""

from __future__ import annotations

from confluent_kafka.admin import AclBinding, AclBindingFilter, AdminClient

from support.waiting import until


def allowed(admin: AdminClient, *acls: AclBinding) -> None:
    """Make ACLs, and wait until the broker that is asked knows of them, which the controller knows before it."""
    for future in admin.create_acls(list(acls)).values():
        future.result(30)
    for acl in acls:
        same = AclBindingFilter(
            acl.restype,
            acl.name,
            acl.resource_pattern_type,
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
        )
        until(lambda same=same: admin.describe_acls(same).result(30), f"the broker knows of {acl}")
