"""Which addresses the operator connects to because a KafkaCluster says so: one answer for the whole process.

Whoever may write a KafkaCluster chooses where the operator connects to, with the operator's place in the network. By default
link-local addresses and those where clouds give machines their credentials are refused; all others, loopback too, are let be:
where brokers and registries are, kafkade cannot know. ``kafkade run --allowed-network`` says it. The address that a name was
resolved to is judged at the moment of connecting, so that a name cannot mean another one meanwhile.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from kafkade.api.errors import NotAllowed

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

REFUSED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: 169.254.169.254 of AWS, Google Cloud, Azure and others, 169.254.170.2 of ECS
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS, by IPv6
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's wire server
        "224.0.0.0/4",  # multicast
        "ff00::/8",
    )
)
"""Where no broker and no registry is."""

_NAT64 = ip_network("64:ff9b::/96")


class Reach:
    """What may be connected to. ``allowed`` None: all but REFUSED; else these networks alone, whatever they hold."""

    def __init__(self, allowed: Iterable[Network] | None = None) -> None:
        self._allowed = None if allowed is None else tuple(allowed)

    def allow_only(self, networks: Iterable[str]) -> None:
        """Let these networks be connected to and no others: ``10.0.0.0/8``, ``fd00::/8``, ``192.0.2.7``.

        Raises:
            ValueError: one of them is no network, with what is wrong.
        """
        self._allowed = tuple(ip_network(text.strip()) for text in networks)

    def why_not(self, host: str) -> str | None:
        """Why an address must not be connected to; None: it may be, or ``host`` is a name, which is judged when resolved."""
        address = _address(host)
        if address is None:
            return None
        if self._allowed is not None:
            if any(address in network for network in self._allowed):
                return None
            return f"{address} is in none of the networks that the operator may connect to (--allowed-network)"
        if any(address in network for network in REFUSED):
            return f"{address} is an address that no Kafka and no registry has: clouds give out credentials at such"
        return None

    def check(self, field: str, host: str) -> None:
        """Judge a host that a spec names, as far as it is an address.

        Raises:
            NotAllowed: it must not be connected to.
        """
        why = self.why_not(host)
        if why is not None:
            raise NotAllowed(f"{field}: {why}")

    def socket(self, info: Any) -> socket.socket:
        """For aiohttp's TCPConnector: the socket for an address that a name was resolved to.

        Raises:
            PermissionError: it must not be connected to.
        """
        family, kind, protocol, _, address = info
        why = self.why_not(str(address[0]))
        if why is not None:
            raise PermissionError(errno.EACCES, why)
        return socket.socket(family, kind, protocol)


def _address(host: str) -> Address | None:
    """What a host says as an address; also in the forms that the C library takes: 2852039166, 0xa9.254.43518."""
    try:
        return _plain(ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


REACH = Reach()
"""This process's own."""
