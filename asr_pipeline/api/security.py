"""Who may do what. Every request passes here, whatever route it is for: what is forgotten is shut.

Without keys the gateway is open to this machine alone. Two ways lead there from elsewhere, through the browser of who
sits at it: a site whose name leads to 127.0.0.1 (DNS rebinding), and one whose page sends requests that it can't read
the answers to (cross-site requests). Neither passes.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from asr_pipeline.api.binding import is_loopback
from asr_pipeline.api.credentials import LOCAL, Door, shown
from asr_pipeline.api.errors import RequestRefused
from asr_pipeline.api.refusing import refuse
from asr_pipeline.domain.access import Principal, Scope
from asr_pipeline.domain.errors import PipelineError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The shells of the page hold nothing of anybody; what fills them comes by requests that are not public.
_PUBLIC = re.compile(r"/|/r/[^/]*|/notes|/static/.*|/health/(live|ready)")
_OF_A_PROXY = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


class Unauthorized(RequestRefused):
    """Nobody knows who asks."""

    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> dict[str, str]:
        """Say what to show."""
        return {"WWW-Authenticate": 'Bearer realm="asr-pipeline"'}


class Forbidden(RequestRefused):
    """Who asks is known, and may not."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, needed: Scope, principal: Principal) -> None:
        """Name the scope that is needed."""
        super().__init__(
            "the request",
            expected=f"the scope {needed}",
            found=f"{principal.scope}, which {principal.name} has",
            remedy=f"Use a key or token of scope {needed}.",
        )
        self._needed = needed

    @property
    def headers(self) -> dict[str, str]:
        """Name the scope for programs too."""
        return {"WWW-Authenticate": f'Bearer realm="asr-pipeline", error="insufficient_scope", scope="{self._needed}"'}


class CrossSite(RequestRefused):
    """A page of another site asks for a change."""

    status = HTTPStatus.FORBIDDEN


class Misdirected(RequestRefused):
    """A request came here by a name or a way that is not this machine's own."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class Access:
    """Lets in who may, and notes who it is. `origins` are other sites whose pages may ask for changes."""

    def __init__(self, app: ASGIApp, *, door: Door, origins: Collection[str]) -> None:
        self._app = app
        self._door = door
        self._origins = origins

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] in {"http", "websocket"}:
            try:
                await self._admit(HTTPConnection(scope), scope.get("method", ""))
            except PipelineError as error:
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    async def _admit(self, connection: HTTPConnection, method: str) -> None:
        if method not in SAFE_METHODS:  # WebSockets have none
            _refuse_cross_site(connection, self._origins)
        elif (
            _PUBLIC.fullmatch(connection.scope["path"]) and method != "OPTIONS"
        ):  # not its URL: Host could end that early
            return
        if await self._is_open(connection):
            _refuse_strangers(connection)
            connection.state.principal = LOCAL
            return
        credential = shown(connection.headers)
        principal = None if credential is None else await self._door.principal(credential)
        if principal is None:
            raise Unauthorized(
                "the request",
                expected="Authorization: Bearer, with a key or token that is valid",
                found="none" if credential is None else "one that opens nothing: unknown, revoked or expired",
                remedy="Ask whoever runs this gateway for a key: `asr-pipeline keys create`.",
            )
        connection.state.principal = principal
        _require(principal, Scope.READ if method in SAFE_METHODS else Scope.WRITE)

    async def _is_open(self, connection: HTTPConnection) -> bool:
        server = connection.scope.get("server") or ("", None)
        return is_loopback(server[0]) and await self._door.needs_nothing()


def principal_of(scope: AsgiScope) -> Principal | None:
    """Give who asks; None as long as, or where, nobody needs to be known."""
    found: Principal | None = scope.get("state", {}).get("principal")
    return found


def requires(needed: Scope) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Make a dependency of routes that need more than reading (GET) or writing (any other method)."""

    async def check(connection: HTTPConnection) -> None:
        principal = principal_of(connection.scope)
        if principal is None:
            raise AssertionError("a route that requires a scope can't be public")
        _require(principal, needed)

    return check


def _require(principal: Principal, needed: Scope) -> None:
    if not principal.scope.includes(needed):
        raise Forbidden(needed, principal)


def _refuse_cross_site(connection: HTTPConnection, origins: Collection[str]) -> None:
    """Refuse what a browser says a page of another site asks for. Programs that are no browsers say nothing."""
    origin = connection.headers.get("Origin")
    site = connection.headers.get("Sec-Fetch-Site")
    if origin is not None and origin in origins:
        return
    if site is not None:
        is_own = site in {"same-origin", "none"}
    else:
        is_own = origin is None or urlsplit(origin).netloc == connection.headers.get("Host", "")
    if not is_own:
        raise CrossSite(
            "the request",
            expected="one of this gateway's own page, or of a program",
            found=f"one of a page of {origin!r:.100}",
            remedy="Add the page's origin to ASR_PIPELINE_CORS_ORIGINS, if you trust it.",
        )


def _refuse_strangers(connection: HTTPConnection) -> None:
    """Refuse what came to an open gateway by a stranger's name, or through a proxy."""
    host = connection.headers.get("Host", "")
    if not _is_own_name(host):
        raise Misdirected(
            "Host",
            expected="localhost or 127.0.0.1, as long as there are no keys",
            found=repr(host[:100]),
            remedy="Use http://127.0.0.1, or make keys: `asr-pipeline keys create`.",
        )
    for name in _OF_A_PROXY:
        if name in connection.headers:
            raise Misdirected(
                name,
                expected="no proxy, as long as there are no keys: all that it lets through would be let in",
                found="the header of one",
                remedy="Make keys: `asr-pipeline keys create`.",
            )


def _is_own_name(host: str) -> bool:
    name = re.sub(r":\d{1,5}$", "", host).lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return is_loopback(name)


def subnet_of(address: str) -> str:
    """Give what stands for one caller: an IPv4 address, or the 64 bits of an IPv6 one that are its network's."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
