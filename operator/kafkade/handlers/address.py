"""Where a server of the operator listens."""

from __future__ import annotations

import re
from typing import NamedTuple

_ADDRESS = re.compile(r"(?P<host>[^\s:/\[\]]+|\[[^\s\[\]]+\]):(?P<port>[0-9]{1,5})")


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """An address from ``host:port``; an IPv6 host is in brackets.

        Raises:
            ValueError: it is something else.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or not 0 < int(found["port"]) < 65536:
            raise ValueError(
                f"{text!r} is not a host and a port: for example 0.0.0.0:9090, 127.0.0.1:9090 or [::]:9090"
            )
        return cls(found["host"].strip("[]"), int(found["port"]))
