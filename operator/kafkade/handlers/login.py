"""Where the Kubernetes API is and who we are there: the pod's ServiceAccount, else a kubeconfig."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import kopf

from kafkade.api.errors import ApiUnavailable
from kafkade.clients.kube import KubeClient


async def login(kubes: Iterable[KubeClient], settings: kopf.OperatorSettings, logger: Any) -> kopf.ConnectionInfo:
    """Find credentials, give them to kafkade's own clients, and return them for Kopf's.

    Raises:
        kopf.LoginError: neither a ServiceAccount nor a kubeconfig is there.
    """
    found = kopf.login_with_service_account(settings=settings, logger=logger) or kopf.login_with_kubeconfig(
        settings=settings, logger=logger
    )
    if found is None:
        raise kopf.LoginError("no Kubernetes credentials: run in a pod with a ServiceAccount, or set KUBECONFIG")
    for kube in kubes:
        await kube.login(found.server, found.as_http_headers(), found.as_ssl_context())
    return found


async def login_as_command(kube: KubeClient) -> None:
    """The same for a command. Raises ApiUnavailable when no credentials are there, or they cannot be used."""
    try:
        await login((kube,), kopf.OperatorSettings(), logging.getLogger("kafkade.login"))
    except (kopf.LoginError, OSError, ValueError) as error:
        raise ApiUnavailable(f"the kubeconfig cannot be used: {error}") from error
