"""What happens to a recording, as a sequence of events that can be gone on with after any of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from asr_pipeline.domain.progress import Progress
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.domain.translation import Translation

_WAY = (Progress.QUEUED, Progress.TRANSCRIBING, Progress.TRANSLATING)
_NO_MARK = "-"
_CURSOR = re.compile(
    r"([a-z]{1,20})\.(\d{1,9})\.([0-9a-f]{1,64}|-)\.(\d{1,9})\.([0-9a-f]{1,64}|-)\.(\d{1,9})", re.ASCII
)


class Kind(StrEnum):
    """What an event tells of; its value is the event's name."""

    STATE = "state"
    UTTERANCE = "utterance"
    TRANSLATION = "translation"


@dataclass(frozen=True, slots=True)
class Standing:
    """A recording at one moment. `partial`: what is recognised of its beginning, while it has no transcript.

    The marks, hexadecimal, name the commits that `utterances` and `translations` are of; "-" where there is none.
    """

    status: Progress
    reason: str | None = None
    partial: Sequence[Utterance] = ()
    transcript_mark: str = _NO_MARK
    utterances: Sequence[Utterance] = ()
    translations_mark: str = _NO_MARK
    translations: Sequence[Translation] = ()

    @property
    def is_end(self) -> bool:
        """Whether nothing follows, unless somebody has it run again."""
        return self.status not in _WAY


@dataclass(frozen=True, slots=True)
class Cursor:
    """What has been told. As text it is an event's id."""

    status: Progress | None = None
    partial: int = 0
    transcript_mark: str = _NO_MARK
    utterances: int = 0
    translations_mark: str = _NO_MARK
    translations: int = 0

    def __str__(self) -> str:
        """Write it as an event's id."""
        status = "none" if self.status is None else self.status.value
        return (
            f"{status}.{self.partial}.{self.transcript_mark}.{self.utterances}"
            f".{self.translations_mark}.{self.translations}"
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an event's id; what is none is as if nothing had been told."""
        found = _CURSOR.fullmatch(text)
        if found is None or found[1] not in {*Progress, "none"}:
            return cls()
        status = None if found[1] == "none" else Progress(found[1])
        return cls(status, int(found[2]), found[3], int(found[4]), found[5], int(found[6]))


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, and what has been told with it. `is_final`: of an utterance, whether it is the transcript's."""

    kind: Kind
    what: Progress | Utterance | Translation
    cursor: Cursor
    is_final: bool = True


def happenings(told: Cursor, now: Standing) -> Iterator[Happening]:
    """Give what has happened since, in order: each state, utterance and translation once.

    What was made anew since is told anew. An end (done, failed, dropped) comes last.
    """
    cursor = told
    for status in _states(told.status, now.status):
        cursor = replace(cursor, status=status)
        yield Happening(Kind.STATE, status, cursor)
    if now.transcript_mark == _NO_MARK:
        for number in range(cursor.partial, len(now.partial)):
            cursor = replace(cursor, partial=number + 1)
            yield Happening(Kind.UTTERANCE, replace(now.partial[number], index=number), cursor, is_final=False)
    else:
        if cursor.transcript_mark != now.transcript_mark:
            cursor = replace(cursor, transcript_mark=now.transcript_mark, utterances=0)
        for number in range(cursor.utterances, len(now.utterances)):
            cursor = replace(cursor, utterances=number + 1)
            yield Happening(Kind.UTTERANCE, now.utterances[number], cursor)
    if now.translations_mark != _NO_MARK:
        if cursor.translations_mark != now.translations_mark:
            cursor = replace(cursor, translations_mark=now.translations_mark, translations=0)
        for number in range(cursor.translations, len(now.translations)):
            cursor = replace(cursor, translations=number + 1)
            yield Happening(Kind.TRANSLATION, now.translations[number], cursor)
    if now.is_end and replace(cursor, status=now.status) != told:
        yield Happening(Kind.STATE, now.status, replace(cursor, status=now.status))


def _states(told: Progress | None, now: Progress) -> Sequence[Progress]:
    """Give the states on the way that lie between, and the one that is now; an end is told at the end."""
    if told == now:
        return ()
    if told in _WAY and now is Progress.DONE:
        return _WAY[_WAY.index(told) + 1 :]
    if told in _WAY and now in _WAY and _WAY.index(told) < _WAY.index(now):
        return _WAY[_WAY.index(told) + 1 : _WAY.index(now) + 1]
    return (now,) if now in _WAY else ()
