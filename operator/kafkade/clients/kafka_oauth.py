"""Tokens for kafka-python's OAUTHBEARER; librdkafka fetches its own."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode

from kafka.net.sasl.oauth import AbstractTokenProvider

from kafkade.api.errors import AuthenticationFailed
from kafkade.clients.kafka_config import SaslOAuth

_EARLY = 30.0
"""Seconds before its end at which a token is replaced."""


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Client-credentials grant (RFC 6749, 4.4). Blocks; kafka-python calls it in its own thread."""

    def __init__(self, oauth: SaslOAuth, timeout: float) -> None:
        super().__init__()
        self._oauth = oauth
        self._timeout = timeout
        self._token = ""
        self._until = 0.0

    def token(self) -> str:
        """A token that is still valid.

        Raises:
            AuthenticationFailed: the identity provider gave none.
        """
        if time.monotonic() >= self._until:
            answer = self._fetch()
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + float(str(answer.get("expires_in", 60))) - _EARLY
        return self._token

    def _fetch(self) -> dict[str, object]:
        oauth = self._oauth
        form = {"grant_type": "client_credentials"} | ({"scope": oauth.scope} if oauth.scope else {})
        basic = b64encode(f"{urllib.parse.quote(oauth.client_id)}:{urllib.parse.quote(oauth.client_secret)}".encode())
        request = urllib.request.Request(  # noqa: S310 -- the spec's pattern allows only http and https
            oauth.token_endpoint_url,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Basic {basic.decode()}", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
                answer = json.load(response)
        except (OSError, ValueError) as error:
            raise AuthenticationFailed(
                f"no token from {oauth.token_endpoint_url}: {error}; check spec.sasl.oauthBearer"
            ) from error
        if not isinstance(answer, dict) or "access_token" not in answer:
            raise AuthenticationFailed(f"{oauth.token_endpoint_url} answered without an access_token")
        return answer
