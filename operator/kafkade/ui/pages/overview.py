"""The first page of a cluster: its brokers, and how its partitions are."""

from __future__ import annotations

from kafkade.ui.clusters import Cluster
from kafkade.ui.layout import Column, facts, notice, section, table, tiles
from kafkade.ui.markup import Content, Html, counted, el, link
from kafkade.ui.pages.asking import Page, Query, kafka_of


async def overview(cluster: Cluster, _: Query) -> Page:
    """Counts, health, brokers."""
    kafka = kafka_of(cluster)
    seen = await kafka.describe_cluster()
    health = seen.health
    features = await kafka.features() or {}
    bad = "bad" if health.offline else "warn" if health.under_replicated else None
    return Page(
        "Overview",
        (
            _state(cluster, health.offline, health.under_replicated),
            tiles(
                ("Brokers", len(seen.brokers), None),
                ("Topics", link(cluster.page("topics"), str(health.topics)), None),
                ("Partitions", health.partitions, None),
                ("Under-replicated", health.under_replicated, "warn" if health.under_replicated else "good"),
                ("Without a leader", health.offline, bad if health.offline else "good"),
            ),
            facts(
                ("Cluster id", el("code", seen.cluster_id)),
                ("Reached at", el("code", kafka.security.bootstrap)),
                ("Active controller", "not known" if seen.controller is None else f"node {seen.controller}"),
                *((name, str(level)) for name, level in sorted(features.items())),
            ),
            section(
                "Brokers",
                table(
                    "Brokers that are up",
                    (Column("Node"), Column("Address"), Column("Rack"), Column("Role")),
                    (
                        (b.id, f"{b.host}:{b.port}", b.rack, "active controller" if b.id == seen.controller else None)
                        for b in seen.brokers
                    ),
                ),
            ),
        ),
    )


def _state(cluster: Cluster, offline: int, behind: int) -> Html:
    if offline:
        return notice(
            f"{counted(offline, 'partition')} without a leader: nobody can write there or read from there", "bad"
        )
    if behind:
        told: Content = (
            f"{counted(behind, 'partition')} with a replica that is not in sync: a broker is away or slow. ",
            link(cluster.page("topics"), "Topics by what they lack", {"sort": "-behind", "internal": 1}),
        )
        return notice(told)
    return notice("All partitions have a leader and all their replicas in sync.", "good")
