"""Share groups after the act: what of each is done, and what is kept of it in status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kafkade.api.objects import Resource
from kafkade.clients.model import ConfigSource
from kafkade.dlq.share.act import GroupsActed
from kafkade.dlq.share.plan import GroupEntry, GroupPlan, Leaving, recorded, told_ready


def settled(plan: GroupPlan, acted: GroupsActed) -> GroupPlan:
    """The plan as it stands now: without the changes that were made, with the errors of those that were not."""
    entries = tuple(
        replace(
            entry,
            changes={} if entry.group in acted.done else entry.changes,
            error=entry.error or acted.errors.get(entry.group),
        )
        for entry in plan.entries
    )
    leaving = tuple(
        replace(gone, error=gone.error or acted.errors.get(gone.group))
        for gone in plan.leaving
        if _remains(gone, acted)
    )
    return GroupPlan(entries, leaving)


def _remains(gone: Leaving, acted: GroupsActed) -> bool:
    """Whether something of a group that leaves is still to be taken back."""
    return gone.error is not None or (bool(gone.changes) and gone.group not in acted.done)


def own_settings(resource: Resource, plan: GroupPlan, acted: GroupsActed) -> dict[str, Mapping[str, str]]:
    """By group, the settings that kafkade has set and takes back when the group leaves.

    A crash between Kafka's answer and the status leaves settings that are as declared and recorded nowhere. So until a
    group of this generation was reported ready, a declared value that the group itself carries counts as set by kafkade.
    """
    before = recorded(resource)
    same = resource.status.get("observedGeneration") == resource.generation
    reported = told_ready(resource) if same else set()
    result: dict[str, Mapping[str, str]] = {}
    lost = {gone.group for gone in plan.leaving}
    for entry in plan.entries:
        if entry.group not in lost:
            result[entry.group] = _own(
                entry, before.get(entry.group, {}), acted, unreported=entry.group not in reported
            )
    result |= {gone.group: gone.recorded for gone in plan.leaving if _remains(gone, acted)}
    return {group: dict(sorted(found.items())) for group, found in result.items() if found}


def _own(entry: GroupEntry, before: Mapping[str, str], acted: GroupsActed, *, unreported: bool) -> Mapping[str, str]:
    if entry.error is not None or not entry.finished:
        return before  # nothing was compared this time
    done = entry.group in acted.done
    kept: dict[str, str] = {}
    for key, value in entry.settings.items():
        found = entry.found.get(key)
        if key in entry.changes:
            if done:
                kept[key] = value
            elif key in before:
                kept[key] = before[key]
        elif found is not None and found.source is ConfigSource.GROUP and (unreported or key in before):
            kept[key] = value
    if not done:
        kept |= {key: before[key] for key in entry.changes if key not in entry.settings and key in before}
    return kept
