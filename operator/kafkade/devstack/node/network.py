"""The node's network and mounts, made inside the namespaces that ``apart.py`` made."""

from __future__ import annotations

from pathlib import Path

from ..kubernetes_config import NodeNetwork
from ..process import output

CLUSTER_DOMAIN = "cluster.local"

_INTERFACE = "node0"

# places that programs write to without asking: empty ones, of this node alone
_OWN_FOLDERS = ("/run", "/var/log", "/var/lib")


def set_up(network: NodeNetwork, folder: Path) -> None:
    """Give the node its address, a way to its pods, its own /run and the cluster's DNS."""
    # pods' mounts are made after the node's and must be seen by the container runtime
    _run("mount", "--make-rshared", "/")
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {network.address}\nsearch svc.{CLUSTER_DOMAIN} {CLUSTER_DOMAIN}\n")
    for place in _OWN_FOLDERS:
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "kafkade-node", place)
    # it may be a link into /run, which is empty now
    target = Path("/etc/resolv.conf").resolve()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _run("mount", "--bind", str(resolver), str(target))

    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", _INTERFACE, "type", "bridge")
    _run("ip", "address", "add", f"{network.address}/24", "dev", _INTERFACE)
    _run("ip", "link", "set", _INTERFACE, "up")
    # Services' addresses must have a way before kube-proxy's rules send them another
    _run("ip", "route", "add", "default", "dev", _INTERFACE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _run(*command: str) -> None:
    output(command)
