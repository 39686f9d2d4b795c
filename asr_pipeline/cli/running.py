"""What the commands share that run recordings: the progress bar, what became of them, and naming what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.markup import escape

from asr_pipeline.cli.console import errors
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordingRow

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass
class Outcome:
    """What became of the files: ids of recordings that are done, and (name, reason) of what failed."""

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    audio_s: float = 0.0
    elapsed_s: float = 0.0

    def add(self, rows: Sequence[RecordingRow], names: Mapping[str, str] | None = None) -> None:
        """Note where recordings stand after a run, under the names that they were called by."""
        for row in rows:
            recording = row.recording
            if row.state is RecordingState.DONE:
                self.done.append(recording.recording_id)
                self.audio_s += row.duration_s or 0.0
            else:
                name = (names or {}).get(recording.recording_id, recording.name)
                self.failed.append((name, row.reason or f"is {row.state}"))


def report_failures(outcome: Outcome) -> None:
    """Name what failed, with its reason, on standard error."""
    for name, reason in outcome.failed:
        errors.print(
            f"[bold red]Failed:[/] {escape(reason if name in reason else f'{name}: {reason}')}", soft_wrap=True
        )


class BarListener:
    """Moves the progress bar: a recording counts as its stages are done. Implements `ports.FlowListener`."""

    def __init__(self, bar: "Progress", recordings: int) -> None:
        self._bar = bar
        self._task = bar.add_task("Processing", total=recordings)
        self._speech_s = 0.0

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:  # noqa: ARG002 - the port's signature
        """Tell how much speech has been recognised so far: a long recording is seen to move."""
        self._speech_s += speech_s
        self._bar.update(self._task, description=f"Processing, {self._speech_s:,.0f} s of speech recognised")

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:  # noqa: ARG002 - the port's signature
        """Count a recording after its last stage."""
        if stage is Stage.SUBTITLES:
            self._bar.advance(self._task)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:  # noqa: ARG002
        """Count it too: it won't go further."""
        self._bar.advance(self._task)
