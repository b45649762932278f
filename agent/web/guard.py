"""What every request must pass before a route sees it: Host, Origin, size; and headers back.

A page of another site must not reach the board through a browser that is signed in (and DNS
rebinding must not make it one of ours): the Host must be the board's own, and a request that
changes something, or a stream, must come from a page of the same origin.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.pictures import MAX_PICTURE_BYTES
from agent.rosters.model import MAX_FILE_BYTES
from agent.web.problems import problem_response
from agent.web.views import Problem

MAX_BODY_BYTES = 16 * 1024
MAX_ROSTER_BYTES = 1024 * 1024
MAX_IMAGE_BYTES = 512 * 1024
MAX_SET_BYTES = 2 * 1024 * 1024
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_STREAM = re.compile(r"/api/v1/(live|devices/[^/]+/monitor)")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        """`hosts`: names of the board, beside the address that a connection came in on."""
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; answer the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sending = _with_security_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, problem = refusal
            await problem_response(status, problem)(scope, receive, sending)
            return
        await self._app(scope, _Limited(receive, _limit(scope["path"]), headers), sending)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, Problem] | None:
        host = headers.get("host", "").lower()
        if not self._ours(host, scope):
            hint = "open the page by the board's own address, or name this one in allowed_hosts"
            return 421, Problem(code="host_unknown", where="Host", hint=hint)
        if scope["method"] in SAFE_METHODS and not _STREAM.fullmatch(scope["path"]):
            return None
        site = headers.get("origin") or headers.get("referer")
        if site is not None:
            allowed = f"{site.lower()}/".startswith((f"http://{host}/", f"https://{host}/"))
        elif "sec-fetch-site" in headers:
            allowed = headers["sec-fetch-site"] in ("same-origin", "none")
        else:
            # A token in a header is put there on purpose; a cookie goes along by itself.
            allowed = "cookie" not in headers or "authorization" in headers
        if allowed:
            return None
        hint = "use the board's own page; a program sends its Origin, or no cookie"
        return 403, Problem(code="origin_foreign", where="Origin", hint=hint)

    def _ours(self, host: str, scope: Scope) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name, server = found[1].strip("[]"), scope.get("server")
        return name in self._hosts or (server is not None and name == server[0].lower())


def _limit(path: str) -> int:
    if path == "/api/v1/sets":
        return MAX_SET_BYTES
    if path.endswith("/rosters/preview"):
        return MAX_FILE_BYTES
    if path.endswith("/flash"):
        return MAX_IMAGE_BYTES
    if path.endswith("/picture"):
        return MAX_PICTURE_BYTES
    return MAX_ROSTER_BYTES if path.endswith("/roster") else MAX_BODY_BYTES


class _Limited:
    """Receives a body up to a bound; beyond it, whoever reads gets an HTTPException."""

    def __init__(self, receive: Receive, limit_bytes: int, headers: Headers) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        announced = headers.get("content-length", "0")
        self._announced_bytes = int(announced) if announced.isdecimal() else 0
        self._seen_bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen_bytes += len(message.get("body", b""))
            if max(self._seen_bytes, self._announced_bytes) > self._limit_bytes:
                raise HTTPException(413, f"at most {self._limit_bytes} bytes")
        return message


def _with_security_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
