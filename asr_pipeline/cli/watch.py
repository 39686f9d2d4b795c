"""`asr-pipeline watch`: the interactive lane over the inbox; what is dropped there is done seconds later."""

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asr_pipeline.cli.console import errors, output
from asr_pipeline.domain.bidi import isolate
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.inbox import STILL_OPEN_WAIT_S, FoundFile
from asr_pipeline.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

    from asr_pipeline.ports import RecordingRow
    from asr_pipeline.wiring.pipeline import Pipeline

LOOK_EVERY_S = 0.25
LONGEST_PAUSE_S = 10.0  # between looks at an inbox that can't be looked into
UNCHANGED_S = 5.0  # as between two ticks of the sensor: where nobody can tell whether a file is still written to


def watch(
    *,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Take large files too; else those above ASR_PIPELINE_LANE_MAX_BYTES are left to the sensor."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON a recording, for programs.")] = False,
) -> None:
    """Take recordings from the inbox as they come, and process them at once, with loaded models, until Ctrl-C.

    Runs beside `asr-pipeline up`, whose UI shows these runs like any others; whatever this leaves undone, its sensor
    does. Nothing is done twice.

    Example: `asr-pipeline watch --all`
    """
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for Dagster
    from asr_pipeline.lane import Lane  # noqa: PLC0415
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    asked_to_end = threading.Event()
    # After the imports: Dagster's makes SIGTERM do what SIGINT does, which a shell's `&` has ignored.
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())
    with (
        open_pipeline(load_settings()) as pipeline,
        open_instance(pipeline.layout.dagster_home, capture_output=False) as instance,
        Lane(pipeline, instance) as lane,
    ):
        pipeline.preload()
        errors.print(
            f"Watching {pipeline.inbox.folder} (Ctrl-C ends it)", highlight=False, soft_wrap=True, markup=False
        )
        arrivals = _arrivals(pipeline, asked_to_end, everything=everything)
        for ids in itertools.chain([_left_undone(pipeline, instance)], arrivals):
            if ids:
                began_s = time.perf_counter()
                lane.run(ids)
                elapsed_s = time.perf_counter() - began_s
                for row in pipeline.store.rows(ids):
                    _tell(pipeline, row, elapsed_s, as_json=as_json)


def _left_undone(pipeline: "Pipeline", instance: "dg.DagsterInstance") -> list[str]:
    """Give what was taken before, by a process that died perhaps, and is not done."""
    from asr_pipeline.defs.assets import RECORDINGS_PER_RUN  # noqa: PLC0415
    from asr_pipeline.defs.backlog import waiting  # noqa: PLC0415
    from asr_pipeline.defs.dead_runs import close_dead_runs  # noqa: PLC0415
    from asr_pipeline.domain.arrival import Way  # noqa: PLC0415

    close_dead_runs(instance, pipeline.store)
    return waiting(pipeline.store, instance, RECORDINGS_PER_RUN, [Way.INBOX])


def _arrivals(pipeline: "Pipeline", asked_to_end: threading.Event, *, everything: bool) -> Iterator[Sequence[str]]:
    """Take complete files until asked to end; give the recordings of each look."""
    from asr_pipeline.storage.inbox import only_one  # noqa: PLC0415
    from asr_pipeline.wiring.taking import take_files  # noqa: PLC0415

    most_bytes = None if everything else pipeline.settings.lane_max_bytes
    is_complete = partial(_is_complete, most_bytes=most_bytes)
    cursor: str | None = None
    pause_s, told = LOOK_EVERY_S, ""
    while not asked_to_end.wait(pause_s):
        try:
            with only_one(pipeline.inbox.lock_file) as alone:
                taking = take_files(pipeline, cursor, is_complete) if alone else None
            if taking is not None:
                cursor, pause_s, told = taking.cursor, LOOK_EVERY_S, ""
                for reason in (taking.report.refused | taking.report.waiting).values():
                    errors.print(f"[bold red]Not taken:[/] {escape(reason)}", soft_wrap=True)
                yield list(dict.fromkeys(taking.report.accepted.values()))
        except TransientFailure as error:
            if str(error) != told:  # once, not at each look
                told = str(error)
                errors.print(f"[bold red]Waiting:[/] {escape(told)}", soft_wrap=True)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _is_complete(file: FoundFile, unchanged_s: float, *, most_bytes: int | None) -> bool:
    """Tell whether a file is to be taken now: at once where surely nobody writes to it."""
    from asr_pipeline.storage.inbox import Writers, writers  # noqa: PLC0415

    if most_bytes is not None and file.size_bytes > most_bytes:
        return False
    waits_s = {Writers.NONE: 0.0, Writers.UNKNOWN: UNCHANGED_S, Writers.SOME: STILL_OPEN_WAIT_S}
    return unchanged_s >= waits_s[writers(file.path)]


def _tell(pipeline: "Pipeline", row: "RecordingRow", elapsed_s: float, *, as_json: bool) -> None:
    recording = row.recording
    sets = pipeline.store.translations(recording.recording_id)
    texts = {one.language: " ".join(t.text for t in one.translations) for one in sets}
    if as_json:
        told = {
            "recording_id": recording.recording_id,
            "name": recording.name,
            "state": row.state.value,
            "reason": row.reason,
            "duration_s": row.duration_s,
            "elapsed_s": round(elapsed_s, 3),
            "translations": texts,
        }
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    output.print(
        f"{escape(recording.name)}  [bold]{row.state}[/]  {recording.recording_id}  {elapsed_s:.1f} s", soft_wrap=True
    )
    for language, text in texts.items():
        output.print(f"  {language}: {escape(isolate(text, language))}", soft_wrap=True, highlight=False)
    if row.reason:
        output.print(f"  {escape(row.reason)}", soft_wrap=True, highlight=False)
