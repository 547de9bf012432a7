"""Where the pages of single things are."""

from __future__ import annotations

from urllib.parse import quote

from kafkade.ui.clusters import Cluster
from kafkade.ui.markup import Html, link


def topic_path(cluster: Cluster, name: str) -> str:
    """Where the page of a topic is."""
    return cluster.page(f"topics/{quote(name, safe='')}")


def group_link(cluster: Cluster, name: str) -> Html:
    """A link to the page of a group; its name may have any characters, or none."""
    return link(cluster.page("group"), name or "(no name)", {"group": name})
