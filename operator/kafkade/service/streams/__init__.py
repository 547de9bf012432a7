"""Streams: what a service makes of topics continuously, exactly once, and of windows of time, whose state survives restarts.

Quix Streams (3.28), the library for it on confluent-kafka, asks for confluent-kafka below 2.13 and cannot be installed beside the
rest; so this is own code, as small as the offsets' metadata make it (``windows.py``).
"""

from __future__ import annotations

from kafkade.service.streams.flows import Flow, Grouped, Late
from kafkade.service.streams.windows import Period, Window

__all__ = ["Flow", "Grouped", "Late", "Period", "Window"]
