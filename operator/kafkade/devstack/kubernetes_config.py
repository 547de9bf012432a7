"""What the parts of the control plane are told: flags, tokens, kubeconfigs, the audit policy."""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from .certificates import CertificateAuthority, key_pem, new_key
from .ports import HOST

# Its own user, so that the audit log tells its writes from the administrator's
CONTROLLER_MANAGER = "kube-controller-manager"

_USERS = ("admin", CONTROLLER_MANAGER)
_NODE_USERS = ("kube-scheduler", "kubelet", "kube-proxy", "coredns")

# Those whose work is seen without a node; none that would wait for one
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)


_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
"""What pods call the API server."""


@dataclass(frozen=True)
class NodeNetwork:
    """Where a node is, and which addresses are its pods' and Services'."""

    address: str = "10.99.0.1"
    """Of the node, which the API server is reached by from pods."""
    pods: str = "10.244.0.0/24"
    services: str = "10.0.0.0/24"
    api_service: str = "10.0.0.1"
    """The first address of ``services``: that of the Service ``kubernetes``."""


def _new_tokens() -> dict[str, str]:
    return {user: secrets.token_urlsafe(24) for user in (*_USERS, *_NODE_USERS)}


@dataclass(frozen=True)
class Settings:
    """Where the control plane is."""

    folder: Path
    port: int
    etcd_port: int
    etcd_peer_port: int
    nodes: NodeNetwork | None = None
    """None: nothing runs pods."""
    tokens: dict[str, str] = field(default_factory=_new_tokens, repr=False)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port, self.etcd_port, self.etcd_peer_port)

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def kubeconfig(self, user: str) -> Path:
        return self.folder / f"{user}.kubeconfig"

    def write_kubeconfig(self, user: str, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig that logs in with a token."""
        file = self.kubeconfig(user)
        file.touch(mode=0o600)
        file.write_text(
            _KUBECONFIG.format(
                url=self.url,
                ca=b64encode(self.ca_file.read_bytes()).decode(),
                user=user,
                token=token,
                namespace=namespace,
            )
        )
        return file


def write_files(settings: Settings, authority: CertificateAuthority) -> None:
    """Write everything that the flags name."""
    folder = settings.folder
    settings.ca_file.write_text(authority.pem)
    server = authority.server(
        "kube-apiserver",
        hosts=_API_NAMES if settings.nodes else (),
        addresses=(settings.nodes.address, settings.nodes.api_service) if settings.nodes else (),
    )
    (folder / "server.pem").write_text(server.certificate)
    (folder / "server.key").write_text(server.key)
    (folder / "service-accounts.key").write_text(key_pem(new_key(), traditional=True))
    (folder / "audit-policy.yaml").write_text(_AUDIT_POLICY)
    (folder / "tokens.csv").write_text(
        "".join(f'{token},{user},{user},"system:masters"\n' for user, token in settings.tokens.items())
    )
    for user, token in settings.tokens.items():
        settings.write_kubeconfig(user, token)


def etcd_flags(settings: Settings) -> list[str]:
    client = f"http://{HOST}:{settings.etcd_port}"
    peer = f"http://{HOST}:{settings.etcd_peer_port}"
    return [
        "--name=devstack",
        f"--data-dir={settings.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=devstack={peer}",
        "--log-level=warn",
        # the data does not outlive the process, so nothing is gained by waiting for the disk
        "--unsafe-no-fsync",
    ]


def api_server_flags(settings: Settings, *, audit: bool) -> list[str]:
    folder = settings.folder
    key = folder / "service-accounts.key"
    flags = [
        f"--etcd-servers=http://{HOST}:{settings.etcd_port}",
        f"--secure-port={settings.port}",
        f"--external-hostname={HOST}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
    ]
    if settings.nodes is None:
        flags += [
            f"--bind-address={HOST}",
            "--service-cluster-ip-range=10.0.0.0/24",
            # pods would wait for a ServiceAccount that a controller makes first
            "--disable-admission-plugins=ServiceAccount",
            # there is nothing to reach but loopback, which a Service's endpoint must not be
            "--endpoint-reconciler-type=none",
        ]
    else:
        flags += [
            "--bind-address=0.0.0.0",
            f"--advertise-address={settings.nodes.address}",
            f"--service-cluster-ip-range={settings.nodes.services}",
            "--allow-privileged=true",
            # for logs and exec; the node's name is in no DNS
            "--kubelet-preferred-address-types=InternalIP",
        ]
    if audit:
        flags += [
            f"--audit-policy-file={folder / 'audit-policy.yaml'}",
            f"--audit-log-path={settings.audit_log}",
            "--audit-log-maxsize=0",
        ]
    return flags


def controller_manager_flags(settings: Settings) -> list[str]:
    kubeconfig = settings.kubeconfig(CONTROLLER_MANAGER)
    if settings.nodes is None:
        controllers = [f"--controllers={','.join(_CONTROLLERS)}"]
    else:
        # all that a cluster has; pods get the authority's certificate and a token of their ServiceAccount
        controllers = [
            f"--root-ca-file={settings.ca_file}",
            f"--service-account-private-key-file={settings.folder / 'service-accounts.key'}",
        ]
    return [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        *controllers,
        # the defaults, 20 and 30, make the deletion of a thousand objects a matter of minutes
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: devstack
  cluster:
    server: {url}
    certificate-authority-data: {ca}
users:
- name: {user}
  user:
    token: {token}
contexts:
- name: devstack
  context:
    cluster: devstack
    user: {user}
    namespace: {namespace}
current-context: devstack
"""

# Reads of the cluster's own parts are left out: they are most of what there is, and never asked for
_AUDIT_POLICY = f"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:apiserver", "{CONTROLLER_MANAGER}"]
  verbs: [get, list, watch]
- level: None
  nonResourceURLs: ["*"]
- level: Metadata
"""
