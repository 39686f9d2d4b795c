"""Each change through the gateway is noted before its answer goes out: who, what, which, from where, how it ended."""

import datetime as dt
import logging

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr_pipeline.api.request_ids import request_id_of
from asr_pipeline.api.request_log import route_of
from asr_pipeline.api.security import SAFE_METHODS, principal_of
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.storage.audit import AuditEntry, SqlAuditLog
from asr_pipeline.storage.text import storable

logger = logging.getLogger(__name__)
TARGET_MAX_CHARS = 300
PUT_OFF = frozenset({429, 503})  # nothing was done, and there may be thousands


class Audit:
    """Notes changes, and those that were refused to somebody known. Of strangers the log of requests tells."""

    def __init__(self, app: ASGIApp, *, log: SqlAuditLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] not in PUT_OFF:
                await self._note(scope, message)
            await send(message)

        await self._app(scope, receive, send_noted)

    async def _note(self, scope: Scope, answer: Message) -> None:
        principal = principal_of(scope)
        if principal is None:
            return
        client = scope.get("client")
        made = Headers(raw=answer.get("headers", [])).get("Location")
        target: str = scope["state"].get("target") or made or scope["path"]
        entry = AuditEntry(
            happened_at=dt.datetime.now(dt.UTC),
            principal=principal.name,
            action=f"{scope['method']} {route_of(scope)}",
            target=target[:TARGET_MAX_CHARS],
            address=client[0] if client else None,
            request_id=request_id_of(scope),
            result=str(answer["status"]),
        )
        try:
            await run_in_threadpool(self._log.note, entry)
        except PipelineError as error:  # it is done; who can't hear of it would do it again
            logger.error("Not in the audit log, %s: %s", error, storable(repr(entry)))  # noqa: TRY400 - no fault of ours
