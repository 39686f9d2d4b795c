"""What can go wrong, and whether trying again can help.

PipelineError
├── PermanentFailure      the input can't be processed, however often: the recording is quarantined
│   ├── UnreadableAudio   not audio, corrupt, or not a regular file
│   ├── LimitExceeded     too long, too large
│   ├── NoSpeech          silent, where silence is not allowed
│   ├── NoteInvalid       a note's title, text or language can't be one
│   ├── EngineStuck       an engine does not come to an end with it
│   └── EngineCrashed     an engine's process dies of it
├── TransientFailure      the surroundings failed: tried again with back-off, then reported
│   ├── StoreUnavailable  database away or locked
│   ├── StorageFull       no room to write
│   └── EngineFailed      an engine gave no result
├── NoteChanged           an edit was made for another version of a note than there is
├── UpstreamMissing       an earlier stage has no result yet: materialize it first
├── InternalError         a fault in this program
└── SetupError            the installation must change first: a model, a setting, a folder
    ├── ModelMissing
    └── SettingInvalid
"""

from typing import Self


class PipelineError(Exception):
    """An error that a person can act on.

    `subject` names the thing (a file, a setting); `expected` and `found` say what is wrong with it; `remedy` says
    what to do. Together they are the message.
    """

    def __init__(self, subject: str, *, expected: str, found: str, remedy: str) -> None:
        """Keep the parts, and join them into one message."""
        self.subject = subject
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(f"{subject}: expected {expected}, found {found}. {remedy}")

    def about(self, subject: str) -> Self:
        """Give the same error about another subject: people know a file by the name it came with."""
        return type(self)(subject, expected=self.expected, found=self.found, remedy=self.remedy)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip between processes: keyword arguments are not pickled by default."""
        return _rebuild, (type(self), self.subject, self.expected, self.found, self.remedy)


def _rebuild(kind: type[PipelineError], subject: str, expected: str, found: str, remedy: str) -> PipelineError:
    return kind(subject, expected=expected, found=found, remedy=remedy)


class PermanentFailure(PipelineError):
    """This input can't be processed, however often it is tried."""


class UnreadableAudio(PermanentFailure):
    """Not audio, corrupt, or not a regular file."""


class LimitExceeded(PermanentFailure):
    """Longer or larger than the settings allow."""


class NoSpeech(PermanentFailure):
    """No speech was found, and the settings don't allow that."""


class NoteInvalid(PermanentFailure):
    """A note's title, text or language can't be one."""


class EngineStuck(PermanentFailure):
    """An engine took more than its time, also in a process of its own."""


class EngineCrashed(PermanentFailure):
    """The process in which an engine worked on this alone died, as often as it was tried."""


class TransientFailure(PipelineError):
    """The surroundings failed; the same input may succeed later."""


class StoreUnavailable(TransientFailure):
    """The database is away or locked."""


class StorageFull(TransientFailure):
    """There is no room to write."""


class EngineFailed(TransientFailure):
    """An engine gave no result, or one that does not fit what it was given."""


class NoteChanged(PipelineError):
    """An edit was made for another version of a note than there is."""


class UpstreamMissing(PipelineError):
    """A stage was asked for whose input was never made."""


class InternalError(PipelineError):
    """This program has a fault; the traceback is in the run's log."""


def internal_error(subject: str, error: Exception) -> InternalError:
    """Give what people are told of an error that nobody has foreseen."""
    return InternalError(
        subject,
        expected="this program to work",
        found=f"{type(error).__name__}: {error}",
        remedy="Report this, with the traceback in the run's log.",
    )


class SetupError(PipelineError):
    """The installation must change before anything can be processed."""


class ModelMissing(SetupError):
    """A model that the settings ask for is not there, or is not usable."""


class SettingInvalid(SetupError):
    """A setting has a value that it can't have."""
