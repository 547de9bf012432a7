"""A list of thousands costs the memory of one page."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

from kafkade.clients.kube import KubeClient

PAGES = 6
TOPICS = [
    {
        "metadata": {
            "name": f"topic-{number}",
            "namespace": "shop",
            "uid": f"uid-{number}",
            "managedFields": [{"fieldsV1": {f"f:{field}": {} for field in range(30)}}],
        },
        "spec": {"clusterRef": {"name": "main"}},
    }
    for number in range(100)
]


class Paged(KubeClient):
    """Answers pages that are alike, each parsed when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str | None] = []

    async def _call(self, *_: Any, params: Any = None, **__: Any) -> Any:
        self.asked.append(params.get("continue"))
        left = PAGES - len(self.asked)
        # the first page's version is the list's; an API server gives all pages that one
        meta = {"resourceVersion": str(100 + len(self.asked)), **({"continue": str(left)} if left else {})}
        return json.loads(json.dumps({"metadata": meta, "items": TOPICS}))


async def test_one_page_at_a_time_is_there() -> None:
    tracemalloc.start()
    try:
        json.loads(json.dumps({"items": TOPICS}))
        one = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        kube = Paged()
        listing = await kube.list_resources("KafkaTopic", "shop", None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(listing.resources) == PAGES * len(TOPICS)
    assert listing.version == "101"
    assert kube.asked == [None, "5", "4", "3", "2", "1"]
    assert peak < 1.7 * one, f"{peak} bytes, a page takes {one}"
