"""Notes as they go out, kept by revision: a read costs one look at one number, and is never older than that."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from asr_pipeline.domain.note import Note
from asr_pipeline.storage.notes import SqlNotes

KEPT_BYTES = 16 << 20


class Told(Protocol):
    """Hears of a read, and whether the body was kept."""

    def __call__(self, *, was_kept: bool) -> None:
        """Hear of it."""
        ...


class NoteReads:
    """Bodies of answers, those read last. May be shared by threads; other processes may change what is read."""

    def __init__(
        self, notes: SqlNotes, render: Callable[[Note], bytes], told: Told, *, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._notes = notes
        self._render = render
        self._told = told
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._bodies: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, note_id: str) -> tuple[int, bytes]:
        """Give a note's revision and body. Raises KeyError where there is no such note."""
        revision = self._notes.revision(note_id)
        with self._lock:
            kept = self._bodies.get(note_id)
            if kept is not None and kept[0] == revision:
                self._bodies.move_to_end(note_id)
            else:
                kept = None
        self._told(was_kept=kept is not None)
        if kept is not None:
            return kept
        note = self._notes.get(note_id)
        fresh = note.revision, self._render(note)
        with self._lock:
            self._put(note_id, fresh)
        return fresh

    def _put(self, note_id: str, fresh: tuple[int, bytes]) -> None:
        if (before := self._bodies.pop(note_id, None)) is not None:
            self._bytes -= len(before[1])
        self._bodies[note_id] = fresh
        self._bytes += len(fresh[1])
        while self._bytes > self._kept_bytes:
            _, (_, body) = self._bodies.popitem(last=False)
            self._bytes -= len(body)
