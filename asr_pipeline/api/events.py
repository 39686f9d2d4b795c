"""`GET /recordings/{id}/events`: what happens to a recording, as server-sent events, read from SQL.

Each event's id says what has been told with it, so that a client that comes again with `Last-Event-ID` hears the rest
and nothing twice. After the last event comes `end`; who asks for more after that is answered 204, upon which browsers
give up.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from asr_pipeline.api.dependencies import TheGateway, TheRecording
from asr_pipeline.api.errors import Busy
from asr_pipeline.api.watching import Watching
from asr_pipeline.domain.errors import StoreUnavailable
from asr_pipeline.domain.happenings import Cursor, Happening, Standing, happenings
from asr_pipeline.domain.progress import Progress
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.storage.happenings import standing
from asr_pipeline.storage.text import storable

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/recordings/{recording_id}", tags=["recordings"])
MEDIA_TYPE = "text/event-stream"
HEARTBEAT_S = 15.0
COME_AGAIN_MS = 2000
EVENTS_AT_A_TIME = 100
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}  # proxies hold it back otherwise


class EventStream(Response):
    """Tells events until the end, until the client is gone, or until the gateway stops."""

    media_type = MEDIA_TYPE
    charset = "utf-8"

    def __init__(
        self, watching: Watching, look: Callable[[], Standing | None], recording_id: str, told: Cursor
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._watching = watching
        self._look = look
        self._recording_id = recording_id
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - its protocol
        """Send everything; the place that was reserved is given back."""
        gone = asyncio.create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await _send(send, f"retry: {COME_AGAIN_MS}\n\n")
            with self._watching.watched(self._recording_id) as changed:
                gone.add_done_callback(lambda _: changed.set())
                await self._tell(send, changed, gone)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._watching.release()

    async def _tell(self, send: Send, changed: asyncio.Event, gone: "asyncio.Task[None]") -> None:
        while not gone.done() and not self._watching.is_closed:
            changed.clear()
            try:
                events, self._told, is_end = await run_in_threadpool(_events, self._look, self._told)
            except StoreUnavailable as error:  # the client comes again by itself, and goes on from where it was
                logger.warning("Events of %s: %s", self._recording_id, error)
                return
            for start in range(0, len(events), EVENTS_AT_A_TIME):
                await _send(send, "".join(events[start : start + EVENTS_AT_A_TIME]))
            if is_end:
                await _send(send, f"id: {self._told}\nevent: end\ndata: {{}}\n\n")
                return
            while not changed.is_set():
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
                except TimeoutError:
                    await _send(send, ": still here\n\n")


@router.get(
    "/events",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {MEDIA_TYPE: {}}},
        HTTPStatus.NO_CONTENT: {"description": "All was told before: don't come again"},
    },
)
async def events(
    request: Request,
    gateway: TheGateway,
    recording: TheRecording,
    last_event_id: Annotated[
        str | None, Header(max_length=500, description="Of the last event that was heard: the rest follows.")
    ] = None,
) -> Response:
    """Tell what happens to a recording, from its beginning: `state`, `utterance`, `translation`, at last `end`."""
    recording_id, watching = recording.recording.recording_id, _watching(request)
    told = Cursor.read(last_event_id or "")

    def look() -> Standing | None:
        return standing(gateway.pipeline.database, recording_id)

    if told.status is not None:
        now = await run_in_threadpool(look)
        if now is None or (now.is_end and not any(happenings(told, now))):
            return Response(status_code=HTTPStatus.NO_CONTENT)
    if not watching.reserve():
        raise Busy(
            "the streams of events",
            expected=f"fewer than {gateway.settings.event_streams_max:,}",
            found=f"{watching.count:,}",
            remedy=f"Try again later, or ask GET /recordings/{recording_id} now and then.",
        )
    return EventStream(watching, look, recording_id, told)


def _watching(request: Request) -> Watching:
    found: Watching = request.app.state.watching
    return found


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _events(look: Callable[[], Standing | None], told: Cursor) -> tuple[list[str], Cursor, bool]:
    """Give what has happened since, what has been told with it, and whether nothing follows. Takes a while."""
    now = look()
    if now is None:
        return [], told, True
    found = list(happenings(told, now))
    return [_event(one, now) for one in found], found[-1].cursor if found else told, now.is_end


def _event(happening: Happening, now: Standing) -> str:
    return f"id: {happening.cursor}\nevent: {happening.kind}\ndata: {json.dumps(_data(happening, now))}\n\n"


def _data(happening: Happening, now: Standing) -> dict[str, Any]:
    match happening.what:
        case Progress() as status:
            reason = storable(now.reason) if now.reason and status is now.status else None
            return {"status": status.value, "reason": reason}
        case Utterance() as said:
            return {
                "index": said.index,
                "final": happening.is_final,
                "channel": said.channel,
                "start_s": said.start_s,
                "end_s": said.end_s,
                "confidence": said.confidence,
                "text": said.text,
                "words": [
                    {"text": word.text, "start_s": word.start_s, "end_s": word.end_s, "confidence": word.confidence}
                    for word in said.words
                ],
            }
        case translation:
            return {
                "language": translation.language,
                "utterance_index": translation.utterance_index,
                "text": translation.text,
            }
