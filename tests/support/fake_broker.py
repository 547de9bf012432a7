"""A socket that speaks Kafka's protocol, for answers that a real broker gives too seldom to wait for."""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any

from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse

API_VERSIONS, METADATA = ApiVersionsRequest.API_KEY, MetadataRequest.API_KEY
LIMITS = {API_VERSIONS: 4, METADATA: 12}
"""Highest versions that it takes."""


class JustStarted(socketserver.ThreadingTCPServer):
    """A KRaft broker whose copy of the cluster's metadata is still empty: it names no broker and knows no topic.

    Its first ``lucid`` answers that are not about a topic name itself, as if a client had known it before its restart.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, lucid: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.lucid = lucid

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> JustStarted:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def answer(self, key: int, version: int, body: bytes) -> Any:
        """The response to a request, without its header."""
        if key == API_VERSIONS:
            keys = [(key, 0, limit, {}) for key, limit in LIMITS.items()]
            return ApiVersionsResponse(error_code=0, api_keys=keys, throttle_time_ms=0, version=version)
        asked = MetadataRequest.decode(body, version=version).topics
        itself = []
        if self.lucid > 0:
            host, port = self.server_address
            itself = [MetadataResponse.MetadataResponseBroker(node_id=1, host=host, port=port, rack=None)]
        self.lucid -= not asked
        unknown = [
            MetadataResponse.MetadataResponseTopic(
                error_code=3, name=topic.name, topic_id=topic.topic_id, partitions=[]
            )
            for topic in asked or []
        ]
        return MetadataResponse(
            throttle_time_ms=0,
            brokers=itself,
            cluster_id="just-started",
            controller_id=1 if itself else -1,
            topics=unknown,
            version=version,
        )


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        stream = self.request.makefile("rb")
        while len(size := stream.read(4)) == 4:
            request = stream.read(*struct.unpack(">i", size))
            key, version, correlation, client = struct.unpack_from(">hhih", request)
            flexible = (MetadataRequest if key == METADATA else ApiVersionsRequest).flexible_version_q(version)
            body = request[10 + max(client, 0) + flexible :]
            if version > LIMITS[key]:
                return
            response = self.server.answer(key, version, body)  # type: ignore[attr-defined]
            # ApiVersions answers never have a flexible header (KIP-511): the client does not know yet what the broker can
            header = struct.pack(">i", correlation) + (b"\0" if flexible and key != API_VERSIONS else b"")
            payload = header + response.encode()
            self.request.sendall(struct.pack(">i", len(payload)) + payload)
