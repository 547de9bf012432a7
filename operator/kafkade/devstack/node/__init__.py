"""A node that runs pods, without Docker: kubelet, containerd, kube-proxy, DNS and volumes, as root on Linux.

All of it lives in namespaces of its own (``apart.py``): network, mounts and processes of the machine stay as they
are, and the end of the first process in there is the end of everything. What runs in there, tests too, reaches pods
and Services by address and by name.

    python -m kafkade.devstack apart pytest tests/node     # in there:

    with Node() as node:
        node.load_image(archive)
        node.kubectl("apply", "-f", "pods.yaml")
"""

from .node import Node

__all__ = ["Node"]
