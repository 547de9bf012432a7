"""Where the Kubernetes API is and who we are there: the pod's ServiceAccount, else a kubeconfig."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import aiohttp
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


class Sessions:
    """Makes the session that Kopf lists and watches with, which closes it. ``traces``: who wants to know of its requests."""

    def __init__(self, *traces: aiohttp.TraceConfig) -> None:
        self._traces = list(traces)
        self._made: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    def session(self, found: kopf.ConnectionInfo) -> kopf.AiohttpSession:
        """A session with these credentials.

        The same credentials have the same session, or Kopf would not see that they are those that were just refused, and
        would log in without end.
        """
        if self._made is None or self._made[0] != found:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
                headers=found.as_http_headers(),
                proxy=found.proxy_url,
                trust_env=found.trust_env,
                trace_configs=self._traces,
            )
            made = kopf.AiohttpSession(
                server=found.server,
                default_namespace=found.default_namespace,
                priority=found.priority,
                expiration=found.expiration,
                aiohttp_session=session,
            )
            self._made = (found, made)
        return self._made[1]
