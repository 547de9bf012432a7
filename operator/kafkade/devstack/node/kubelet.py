"""What the parts of a node are told."""

from __future__ import annotations

import json
from pathlib import Path

from ..kubernetes_config import NodeNetwork
from .containerd import SOCKET
from .network import CLUSTER_DOMAIN

NODE = "node"
"""The node's name."""

ZONE = "zone-a"


def kubelet_flags(folder: Path, kubeconfig: Path, network: NodeNetwork, cgroup: str) -> list[str]:
    """Writes the kubelet's configuration; its flags."""
    config = folder / "kubelet.json"
    config.write_text(json.dumps(_kubelet(folder, network, cgroup)))
    return [
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet-certificates'}",
        f"--hostname-override={NODE}",
        f"--node-ip={network.address}",
        f"--node-labels=topology.kubernetes.io/zone={ZONE}",
    ]


def _kubelet(folder: Path, network: NodeNetwork, cgroup: str) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        # nobody but this cluster reaches its network
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [network.address],
        "clusterDomain": CLUSTER_DOMAIN,
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        # the machine's disk and memory are shared with others, who may have left little
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.inodesFree": "1%",
        },
        # images come from no registry: one that is thrown away is lost
        "imageGCHighThresholdPercent": 100,
        # pods are ready, and Services have their endpoints, seconds earlier
        "syncFrequency": "10s",
    }


def proxy_flags(kubeconfig: Path, network: NodeNetwork) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={network.pods}",
        f"--hostname-override={NODE}",
        # limits of connections are the machine's, and not ours to set
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    ]


def scheduler_flags(kubeconfig: Path) -> list[str]:
    return [f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"]


def corefile(kubeconfig: Path, network: NodeNetwork) -> str:
    """CoreDNS's configuration. It answers from what it watches, so nothing is kept in a cache."""
    return (
        ".:53 {\n"
        f"    bind {network.address}\n"
        "    errors\n"
        f"    ready {network.address}:8181\n"
        f"    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{\n"
        f"        kubeconfig {kubeconfig}\n"
        "        pods insecure\n"
        "    }\n"
        "}\n"
    )
