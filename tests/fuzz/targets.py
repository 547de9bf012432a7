"""The harnesses, by the name of their corpus."""

from __future__ import annotations

from fuzz import cluster_bytes, files, letters, replies, web
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for module in (letters, cluster_bytes, replies, files, web) for target in module.TARGETS
}
