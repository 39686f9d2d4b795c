"""What is sent: memos of 5 to 20 s, each with other bytes, corrupt ones and duplicates among them; by inbox and HTTP.

Everything follows from the seed, but for the moments at which answers come.
"""

import hashlib
import io
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from archive import RATE_HZ, samples

SENDERS = 32
SHORTEST_S, LONGEST_S = 5, 20
GARBAGE, TRUNCATED, DUPLICATE = 0.02, 0.02, 0.05  # shares of what is sent
GIVE_UP_S = 600
RETRY_MAX_S = 5.0


class Kind(StrEnum):
    """What a file is."""

    SOUND = "sound"
    DUPLICATE = "duplicate"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"


@dataclass
class Sent:
    """A file that was sent. Moments are seconds since 1970."""

    name: str
    way: str
    kind: Kind
    sha256: str
    offered_s: float
    arrived_s: float | None = None  # the file was complete in the inbox, or the upload answered
    answer: str = ""
    attempts: int = 0

    @property
    def is_corrupt(self) -> bool:
        """Tell whether it must end in quarantine, or be refused."""
        return self.kind in {Kind.GARBAGE, Kind.TRUNCATED}


def memo(seed: int, number: int) -> bytes:
    """Give a WAV: a part of the samples that no other number has, at a loudness of its own."""
    chance = random.Random(f"{seed} memo {number}")
    said = _said()
    start, length = chance.randrange(len(said)), round(chance.uniform(SHORTEST_S, LONGEST_S) * RATE_HZ)
    pcm = np.take(said, np.arange(start, start + length), mode="wrap") * chance.uniform(0.6, 1)
    file = io.BytesIO()
    soundfile.write(file, pcm.astype(np.int16), RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


@lru_cache(1)
def _said() -> Any:  # noqa: ANN401 - an array of numpy
    gap = np.zeros(RATE_HZ // 2, dtype=np.int16)
    return np.concatenate([part for sample in samples() for part in (sample.pcm, gap)])


@dataclass
class Sender:
    """Sends, and notes what it has sent. One that is refused for now is sent again, as a good client does."""

    seed: int
    inbox: Path
    gateway: str
    sent: list[Sent] = field(default_factory=list)
    _pending: list["Future[None]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what it needs."""
        self._chance = random.Random(f"{self.seed} kinds")
        self._sounds: list[int] = []
        self._threads = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._client = httpx.Client(base_url=self.gateway, timeout=120, trust_env=False)
        self._closing = threading.Event()

    def send(self, kind: Kind | None = None) -> None:
        """Send one more file, in a thread; chance says by which way and, unless it is given, of which kind."""
        number, chance = len(self.sent), self._chance
        way = chance.choice(["inbox", "HTTP"])
        kinds, shares = [Kind.GARBAGE, Kind.TRUNCATED, Kind.DUPLICATE], [GARBAGE, TRUNCATED, DUPLICATE]
        drawn = chance.choices([*kinds, Kind.SOUND], [*shares, 1 - sum(shares)])[0]
        content, kind = self._content(number, kind or drawn)
        name = f"soak-{number:06d}-{kind}.wav"
        one = Sent(name, way, kind, hashlib.sha256(content).hexdigest(), time.time())
        self.sent.append(one)
        self._pending.append(self._threads.submit(self._deliver, one, content))

    def all_arrived(self) -> bool:
        """Tell whether everything was taken or refused, or was given up. Raises what a thread has met."""
        for future in [one for one in self._pending if one.done()]:
            future.result()
            self._pending.remove(future)
        return not self._pending

    def close(self) -> None:
        """Give up what was not taken."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def _content(self, number: int, kind: Kind) -> tuple[bytes, Kind]:
        if kind is Kind.GARBAGE:
            return self._chance.randbytes(self._chance.randrange(1000, 60_000)), kind
        if kind is Kind.TRUNCATED:
            whole = memo(self.seed, number)
            return whole[: len(whole) * 3 // 5], kind
        if kind is Kind.DUPLICATE and self._sounds:
            return memo(self.seed, self._chance.choice(self._sounds)), kind
        self._sounds.append(number)
        return memo(self.seed, number), Kind.SOUND

    def _deliver(self, one: Sent, content: bytes) -> None:
        attempt: Callable[[Sent, bytes], float] = self._put if one.way == "inbox" else self._upload
        deadline_s = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline_s:
            one.attempts += 1
            wait_s = attempt(one, content)
            if not wait_s or self._closing.wait(wait_s):
                return

    def _put(self, one: Sent, content: bytes) -> float:
        """Write a file as `rsync` does; give how long to wait before it is tried again, 0 when it is there."""
        partial = self.inbox / f"{one.name}.part"
        try:
            partial.write_bytes(content)
            one.arrived_s = time.time()  # before it can be taken
            partial.rename(self.inbox / one.name)
        except OSError as error:
            one.answer, one.arrived_s = str(error), None
            return 1.0
        one.answer = "complete"
        return 0.0

    def _upload(self, one: Sent, content: bytes) -> float:
        """Upload; give how long to wait before it is tried again, 0 when the answer is final."""
        try:
            answer = self._client.post("/upload/", files={"audio": (one.name, content)})
        except httpx.TransportError as error:
            one.answer = repr(error)
            return 1.0
        one.answer = f"{answer.status_code} {answer.text[:300]}"
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            wanted = answer.headers.get("Retry-After", "1")
            return min(RETRY_MAX_S, float(wanted) if wanted.isdecimal() else 1.0)
        one.arrived_s = time.time()
        return 0.0
