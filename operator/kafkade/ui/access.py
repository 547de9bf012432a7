"""Who may see the pages: the token, the cookie that keeps it, the names that this server goes by, and no way to write."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kafkade.api.errors import InvalidSpec

log = logging.getLogger("kafkade.ui")

TOKEN = "token"  # noqa: S105 -- the name of the parameter
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
_COOKIE_AGE = 12 * 3600
"""Seconds that a browser keeps the token."""

Refuse = Callable[[web.Request, int, str, str], web.Response]
"""Makes the page for a refused request: status, title, what to do."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
    "Server": "kafkade",
}


def new_token() -> str:
    """A token that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_of(file: Path) -> str:
    """The token in a file; spaces around it do not count.

    Raises:
        InvalidSpec: it cannot be read, or what is in it is none.
    """
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"the token cannot be read from {file}: {error}") from error
    if not _TOKEN.fullmatch(text):
        raise InvalidSpec(
            f"{file} must hold a token of 16 to 512 characters of A-Z a-z 0-9 . _ ~ + / = -, and nothing else"
        )
    return text


class TokenFile:
    """A file with the token, which is read again when it has changed: a Secret is mounted anew some time after its change."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            InvalidSpec: as token_of.
        """
        self._path = path
        self._seen = _stamp(path)
        self._token = token_of(path)

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"

    @property
    def token(self) -> str:
        """The token in it now; the last one where there is none any more."""
        if (stamp := _stamp(self._path)) != self._seen:
            self._seen = stamp
            try:
                self._token = token_of(self._path)
                log.info("the token was read anew from %s", self._path)
            except InvalidSpec as error:
                log.warning("the pages keep the token that they had: %s", error.message)
        return self._token


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes when somebody writes the file, or puts another one in its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see the pages. ``given`` is the token, or the file with it; None: everybody who reaches them.

    ``names``: hosts that this server goes by. ``any_address``: it listens for other machines, which may call it by any of its IP addresses.
    """

    given: str | TokenFile | None = field(repr=False)
    names: Collection[str] = ()
    any_address: bool = False

    @classmethod
    def at(cls, host: str, given: str | TokenFile | None, names: Collection[str]) -> Access:
        """To a server that listens on ``host``, and goes by that and by ``names``."""
        return cls(given, (*names, host), any_address=not is_loopback(host))

    @property
    def token(self) -> str | None:
        """The token as it is now."""
        return self.given.token if isinstance(self.given, TokenFile) else self.given

    def knows_host(self, header: str | None) -> bool:
        """Whether a request's Host is this server.

        Else a page of somebody else's, whose name leads here (DNS rebinding), could read what this one shows.
        """
        host = _host_of(header or "")
        if is_loopback(host) or host in {name.lower() for name in self.names}:
            return True
        return self.any_address and _is_address(host)

    def is_token(self, given: str | None) -> bool:
        """Whether this is the token; how long that takes does not tell how much of it is right."""
        token = self.token
        if token is None:
            return True
        return given is not None and hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), token.encode("utf-8", "surrogatepass")
        )


def guarded(access: Access, refuse: Refuse, public: str) -> Middleware:
    """The middleware that lets nothing else through. What lies under the path ``public`` needs no token."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = _refusal(access, refuse, request, public) or await _answer(request, handler)
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return refuse(request, 404, "There is no such page", "The address may be misspelt.")

    return guard


def _refusal(access: Access, refuse: Refuse, request: web.Request, public: str) -> web.Response | None:
    """The answer to who may not see the page, or has yet to be sent on; None for who may."""
    if request.method not in ("GET", "HEAD"):
        response = refuse(request, 405, "These pages only show", "Only GET and HEAD are answered.")
        response.headers["Allow"] = "GET, HEAD"
        return response
    if not access.knows_host(request.headers.get("Host")):
        return refuse(
            request,
            421,
            "This server does not go by that name",
            "Use an address of it that it knows; kafkade ui --allowed-host adds one.",
        )
    if request.path.startswith(public):
        return None
    cookie = _cookie_name(request)
    if TOKEN in request.query and access.given is not None:
        given = request.query[TOKEN].strip()
        if not access.is_token(given):
            return refuse(request, 401, "That is not the token", "kafkade printed the right one when it started.")
        return _keep(given, cookie, request)
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if access.is_token(request.cookies.get(cookie)) or (scheme.lower() == "bearer" and access.is_token(bearer.strip())):
        return None
    return refuse(request, 401, "A token is needed", "kafkade printed an address with it when it started.")


def _keep(token: str, cookie: str, request: web.Request) -> web.Response:
    """Put the token into a cookie, and have the browser forget the address that has it."""
    rest = request.rel_url.without_query_params(TOKEN)
    # one slash: two would be another host
    response = web.Response(status=303, headers={"Location": "/" + str(rest).lstrip("/")})
    response.set_cookie(
        cookie, token, max_age=_COOKIE_AGE, httponly=True, samesite="Strict", path="/", secure=request.secure
    )
    return response


def _cookie_name(request: web.Request) -> str:
    """Cookies do not tell ports apart, and several of these servers may run on one machine."""
    port = (request.headers.get("Host") or "").rpartition("]")[2].rpartition(":")[2]
    return f"kafkade-ui-{port}" if port.isascii() and port.isdigit() else "kafkade-ui"


def _host_of(header: str) -> str:
    """A Host header without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
