"""Nothing is answered without the token: pages, API, websockets and static files alike."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
POLICY_VIOLATION = 1008  # websocket close code
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",  # the address of a first visit holds the token
}
REFUSED = "This page needs its token: open the address that `cryohype-app serve` printed."


class Guard:
    """ASGI application around another that checks Host, Origin and token of every request.

    Parameters
    ----------
    app : what is guarded.
    token : accepted as ``?token=`` (a page is then redirected to itself without it), as cookie, or as Bearer header.
    hosts : what the Host header may say: ``name:port``, or ``name:*`` for any port or none, as through an SSH tunnel that
        begins at another port; empty to allow any (a reverse proxy checks).
    secure : whether the cookie is sent over TLS only.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str], secure: bool = False) -> None:
        self.app = app
        self.token = token.encode()
        self.hosts = hosts
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or refuse in one sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(scope, headers)
        if problem is not None:
            await _refuse(scope, receive, send, *problem)
            return
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS and b"token=" in scope["query_string"]:
            await self._without_token(scope)(scope, receive, send)
            return
        await self.app(scope, receive, _with_headers(send))

    def _problem(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence of a refusal."""
        host = headers.get("host", "")
        if self.hosts and not self.hosts & {host, f"{_name_and_port(host)[0]}:*"}:
            return 400, f"This server is not called {host!r}; open it by the address that it printed."
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and origin is not None and urlsplit(origin).netloc != host:
            return 403, "This request comes from another site and is refused."
        if not any(hmac.compare_digest(given.encode(), self.token) for given in self._given(scope, headers)):
            return 401, REFUSED
        return None

    def _given(self, scope: Scope, headers: Headers) -> list[str]:
        """Every token that the request brings."""
        given = [value for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name == "token"]
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            given.append(credentials.strip())
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return given
        cookie = _cookie_of(headers)
        if cookie in cookies:
            given.append(cookies[cookie].value)
        return given

    def _without_token(self, scope: Scope) -> Response:
        """The same address without the secret, which the cookie keeps from now on."""
        query = [
            pair for pair in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True) if pair[0] != "token"
        ]
        # one slash only: //name would be another host
        target = "/" + scope["path"].lstrip("/") + (f"?{urlencode(query)}" if query else "")
        response = RedirectResponse(target, status_code=303, headers=HEADERS)
        cookie = _cookie_of(Headers(scope=scope))
        response.set_cookie(cookie, self.token.decode(), httponly=True, samesite="lax", secure=self.secure, path="/")
        return response


def _cookie_of(headers: Headers) -> str:
    """Name of the cookie for the address by which a browser came: cookies are shared between ports, so it tells the port."""
    return f"cryohype-{_name_and_port(headers.get('host', ''))[1]}"


def _name_and_port(host: str) -> tuple[str, str]:
    """Name and digits of a Host header; "default" where it gives no port."""
    name, _, port = host.rpartition(":")
    return (name, port) if port.isdecimal() and port.isascii() else (host, "default")


def _with_headers(send: Send) -> Send:
    """Answers carry the security headers."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return add


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": sentence[:120]})
        return
    headers = HEADERS | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    is_api = scope["path"].startswith("/api/")
    answer = (
        JSONResponse({"detail": sentence}, status, headers) if is_api else PlainTextResponse(f"{sentence}\n", status, headers)
    )
    await answer(scope, receive, send)
