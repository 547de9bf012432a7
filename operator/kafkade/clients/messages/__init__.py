"""Messages of Kafka's protocol that kafka-python does not have, in the form that it reads: one file a message."""

from __future__ import annotations

import sys

from kafka.protocol.api_message import ApiMessage

__all__ = [
    "ConsumerGroupDescribeRequest",
    "ConsumerGroupDescribeResponse",
    "ShareGroupDescribeRequest",
    "ShareGroupDescribeResponse",
]

_HERE = sys.modules[__name__]
"""Where kafka-python is to look for the files; each is named as its class."""


class ConsumerGroupDescribeRequest(ApiMessage, load_json=_HERE):  # type: ignore[misc, call-arg]
    """Groups of the protocol of KIP-848."""


class ConsumerGroupDescribeResponse(ApiMessage, load_json=_HERE):  # type: ignore[misc, call-arg]
    """Their members with what they have now, and what they are to have."""


class ShareGroupDescribeRequest(ApiMessage, load_json=_HERE):  # type: ignore[misc, call-arg]
    """Share groups (KIP-932)."""


class ShareGroupDescribeResponse(ApiMessage, load_json=_HERE):  # type: ignore[misc, call-arg]
    """Their members."""
