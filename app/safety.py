"""What the server tells browsers to refuse, and the connections it refuses itself."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Components come as blob: modules; Streamlit's page has one inline script and styles itself inline.
# The camera's picture is a data: address that Streamlit reads with fetch.
# Text is never evaluated as code: of all charts, only Plotly's `scattergl` traces would need that.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class SafeHeaders:
    """Puts HEADERS on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class SameOrigin:
    """Refuses a WebSocket that a page of another site opens.

    Streamlit would refuse it too, but only after asking an outside service for this machine's
    address, which costs a second of everybody's time and needs a network.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = hosts  # further names this server is known by, behind a proxy for instance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._allowed(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:  # not a browser
            return True
        try:
            address = urlsplit(origin)
            return address.netloc == headers.get("host") or address.hostname in self.hosts
        except ValueError:
            return False


_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")


@dataclass(frozen=True)
class Budget:
    """What may be uploaded in WINDOW seconds."""

    files: int
    bytes: int


WINDOW = 300.0  # s; as long as Streamlit keeps what a closed page has uploaded
ONE_FILE = 8 * 2**20 + 64 * 2**10  # bytes, with what a form puts around it; server.maxUploadSize
SESSION = Budget(60, 64 * 2**20)
ADDRESS = Budget(1200, 512 * 2**20)  # a whole class may come from one address


class UploadBudget:
    """Refuses an upload that is too large (413), without a length (411), or one too many (429).

    Streamlit itself takes any number of files of a session, asked for or not, and keeps them in
    memory until the session is over.
    """

    def __init__(
        self,
        app: ASGIApp,
        session: Budget = SESSION,
        address: Budget = ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self._budgets = {"session": session, "address": address}
        self._clock = clock
        self._spent: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "PUT":
            found = _UPLOAD.search(scope["path"])
        refusal = self._refuse(scope, found[1]) if found else None
        await (refusal or self.app)(scope, receive, send)

    def _refuse(self, scope: Scope, session: str) -> PlainTextResponse | None:
        length = Headers(scope=scope).get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return PlainTextResponse("Say how long the file is.", 411)
        if int(length) > ONE_FILE:
            return PlainTextResponse("A file may have at most 8 MB.", 413)
        client = scope.get("client") or ("",)
        owners = {("session", session), ("address", client[0])}
        self._forget()
        for owner in owners:
            spent, budget = self._spent.get(owner, ()), self._budgets[owner[0]]
            total = int(length) + sum(size for _, size in spent)
            if len(spent) >= budget.files or total > budget.bytes:
                again = {"Retry-After": f"{WINDOW:.0f}"}
                return PlainTextResponse("That is much at a time; try again later.", 429, again)
        for owner in owners:
            self._spent.setdefault(owner, deque()).append((self._clock(), int(length)))
        return None

    def _forget(self) -> None:
        """Drops what was uploaded long enough ago, so that no table grows for ever."""
        before = self._clock() - WINDOW
        for owner, spent in list(self._spent.items()):
            while spent and spent[0][0] < before:
                spent.popleft()
            if not spent:
                del self._spent[owner]
