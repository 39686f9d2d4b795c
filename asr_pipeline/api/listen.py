"""`WS /listen`: live speech in, words out while it is spoken, then Persian. Nothing of it is kept.

In come binary messages, 16-bit little-endian mono PCM; before them, where the rate is not 16 kHz, `{"sample_rate": …}`;
at last the text `end`. Out come `{"partial": …}`, `{"final": [words], …}` as each utterance ends, and
`{"translation": …}` for each of these. Recognition and translation are done in threads.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.audio import SAMPLE_RATE_HZ, SAMPLE_WIDTH_BYTES
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.live import LIVE_RATES_HZ, Heard
from asr_pipeline.domain.transcript import as_sentence
from asr_pipeline.ports import LiveTranscriber
from asr_pipeline.steps.translate_now import translate_unremembered

logger = logging.getLogger(__name__)
router = APIRouter()

FRAME_MAX_BYTES = 64 * 1024
TEXT_MAX_CHARS = 1000
IDLE_MAX_S = 30.0
SESSION_MAX_S = 3600.0
WAITING_SENTENCES = 16  # that are not translated yet; recognition waits then
NORMAL, UNSUPPORTED, POLICY, TOO_BIG, FAULT, BUSY = 1000, 1003, 1008, 1009, 1011, 1013


@dataclass
class LiveSessions:
    """How many listen at once, and how many may."""

    most: int
    count: int = 0

    def reserve(self) -> bool:
        """Take a place, if there is one; `release` gives it back."""
        if self.count >= self.most:
            return False
        self.count += 1
        return True

    def release(self) -> None:
        """Give a place back."""
        self.count -= 1


class Refused(Exception):
    """The client sent what can't be taken: it is told why, and the connection is closed."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


@dataclass
class _Session:
    """One client's speech."""

    socket: WebSocket
    gateway: Gateway
    language: str
    sample_rate_hz: int = SAMPLE_RATE_HZ
    transcriber: LiveTranscriber | None = None
    partial: str = ""
    ended: int = 0
    received_bytes: int = 0
    odd: bytes = b""
    began_s: float = field(default_factory=time.monotonic)
    sentences: "asyncio.Queue[tuple[int, str] | None]" = field(default_factory=lambda: asyncio.Queue(WAITING_SENTENCES))

    async def run(self) -> None:
        """Hear everything, and tell it; raises Refused, WebSocketDisconnect, PipelineError."""
        translating = asyncio.create_task(self._translate())
        try:
            async for pcm in self._sound():
                transcriber = await self._transcriber()
                await self._tell(await run_in_threadpool(transcriber.accept, pcm), translating)
            if self.transcriber is not None:
                await self._tell(await run_in_threadpool(self.transcriber.finish), translating)
            await self._put(None, translating)
            await translating
        finally:
            translating.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await translating

    async def _sound(self) -> AsyncIterator[bytes]:
        """Give the sound as it comes, whole samples, until the client says that it ends."""
        while True:
            try:
                message = await asyncio.wait_for(self.socket.receive(), IDLE_MAX_S)
            except TimeoutError:
                raise Refused(POLICY, f"Expected sound within {IDLE_MAX_S:g} s, found none.") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", NORMAL))
            if (text := message.get("text")) is not None:
                if self._is_end(text):
                    return
                continue
            if whole := self._whole_samples(message["bytes"]):
                yield whole

    def _is_end(self, text: str) -> bool:
        """Read a text message: `end`, or, before any sound, the rate."""
        if text.strip() == "end":
            return True
        try:
            given = json.loads(text) if len(text) <= TEXT_MAX_CHARS else None
        except (ValueError, RecursionError):
            given = None
        rate = given.get("sample_rate") if isinstance(given, dict) else None
        if self.received_bytes or type(rate) is not int or rate not in LIVE_RATES_HZ:
            raise Refused(
                UNSUPPORTED,
                f'Expected binary sound, "end", or first of all {{"sample_rate": a whole number from '
                f"{LIVE_RATES_HZ.start} to {LIVE_RATES_HZ.stop - 1}}}, found another text.",
            )
        self.sample_rate_hz = rate
        return False

    def _whole_samples(self, given: bytes) -> bytes:
        if len(given) > FRAME_MAX_BYTES:
            raise Refused(TOO_BIG, f"Expected at most {FRAME_MAX_BYTES:,} bytes a message, found {len(given):,}.")
        self.received_bytes += len(given)
        sound_s = self.received_bytes / (self.sample_rate_hz * SAMPLE_WIDTH_BYTES)
        if max(sound_s, time.monotonic() - self.began_s) > SESSION_MAX_S:
            raise Refused(POLICY, f"Expected at most {SESSION_MAX_S:g} s, found more: connect anew.")
        whole = self.odd + given
        cut = len(whole) - len(whole) % SAMPLE_WIDTH_BYTES
        self.odd = whole[cut:]
        return whole[:cut]

    async def _transcriber(self) -> LiveTranscriber:
        if self.transcriber is None:
            make = partial(self.gateway.pipeline.live, sample_rate_hz=self.sample_rate_hz)
            self.transcriber = await run_in_threadpool(make)
        return self.transcriber

    async def _tell(self, heard: Sequence[Heard], translating: "asyncio.Task[None]") -> None:
        for one in heard:
            if one.words:
                await self._tell_final(one, translating)
            elif one.partial != self.partial:
                self.partial = one.partial
                await self.socket.send_json({"partial": one.partial})

    async def _tell_final(self, heard: Heard, translating: "asyncio.Task[None]") -> None:
        text = " ".join(word.text for word in heard.words)
        words = [
            {"text": word.text, "start_s": word.start_s, "end_s": word.end_s, "confidence": word.confidence}
            for word in heard.words
        ]
        await self.socket.send_json({"final": words, "index": self.ended, "text": text})
        await self._put((self.ended, as_sentence(text)), translating)
        self.partial = ""
        self.ended += 1

    async def _put(self, sentence: tuple[int, str] | None, translating: "asyncio.Task[None]") -> None:
        """Have a sentence translated; where translation has ended with an error, that error is raised here."""
        putting = asyncio.create_task(self.sentences.put(sentence))
        await asyncio.wait({putting, translating}, return_when=asyncio.FIRST_COMPLETED)
        if translating.done():
            putting.cancel()
            translating.result()

    async def _translate(self) -> None:
        """Translate one sentence after another, and tell each."""
        while (waiting := await self.sentences.get()) is not None:
            index, sentence = waiting
            text = await run_in_threadpool(translate_unremembered, self.gateway.pipeline.tools, sentence, self.language)
            await self.socket.send_json({"translation": text, "language": self.language, "index": index})


@router.websocket("/listen")
async def listen(
    socket: WebSocket,
    gateway: TheGateway,
    lang: Annotated[str | None, Query(pattern="^[a-z]{2,3}$")] = None,
) -> None:
    """Recognise and translate live speech. Neither the sound nor the text is stored, or logged."""
    if not _is_own_page(socket):
        await socket.close(POLICY)
        return
    sessions: LiveSessions = socket.app.state.live_sessions
    language = lang or gateway.settings.target_languages[0]
    await socket.accept()
    with suppress(WebSocketDisconnect):  # the client has gone: there is nobody to tell
        if language not in gateway.settings.target_languages:
            await _close(socket, POLICY, f"Expected lang among {', '.join(gateway.settings.target_languages)}.")
            return
        if not sessions.reserve():
            await _close(socket, BUSY, "Too many listen at once: try again later.")
            return
        try:
            await _Session(socket, gateway, language).run()
            await socket.close(NORMAL)
        except Refused as refused:
            await _close(socket, refused.code, refused.why)
        except PipelineError:
            logger.exception("Live recognition stopped")
            await _close(socket, FAULT, "A fault in here: try again later.")
        finally:
            sessions.release()


async def _close(socket: WebSocket, code: int, why: str) -> None:
    await socket.send_json({"error": why})
    await socket.close(code, why[:100])


def _is_own_page(socket: WebSocket) -> bool:
    """Refuse pages of other sites: browsers let any page open a WebSocket, and say which page it was."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
