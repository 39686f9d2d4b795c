"""Where the CPU goes: milliseconds a recording in the engines and in what we add, warm, in one process.

    python benchmarks/breakdown.py [--write] [--memos 200] [--recordings 40]

CPU of the thread in which the part runs: other programs on the machine hardly matter. What is left of the process'
CPU in the end (threads that hand over, the interpreter) is the rest.
"""

import argparse
import datetime as dt
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive import REPOSITORY, machine, varied, write_section

from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.listener import DagsterListener
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.engines.voice_activity import WebRtcDetector
from asr_pipeline.lane import Lane
from asr_pipeline.settings import load_settings
from asr_pipeline.steps import stages
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.wiring.pipeline import open_pipeline

spent: Counter[str] = Counter()


def timed(part: str, owner: object, name: str) -> None:
    """Add the CPU of a function to a part."""
    do: Callable[..., Any] = getattr(owner, name)

    def timing(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any function
        began_s = time.thread_time()
        try:
            return do(*arguments, **named)
        finally:
            spent[part] += time.thread_time() - began_s  # type: ignore[assignment]

    setattr(owner, name, timing)


def measure(files: Path) -> dict[str, float]:
    """Give the milliseconds a recording of each part, and of the whole process."""
    with (
        tempfile.TemporaryDirectory() as data,
        open_pipeline(load_settings(data_dir=Path(data))) as pipeline,
        open_instance(pipeline.layout.dagster_home) as instance,
        Lane(pipeline, instance) as lane,
    ):
        pipeline.preload()
        ids = [pipeline.register(file).recording_id for file in sorted(files.iterdir())]
        spent.clear()
        began_s = time.process_time()
        lane.run(ids)
        whole_s = time.process_time() - began_s
    parts = dict(spent) | {"everything else": whole_s - sum(spent.values()), "**the process**": whole_s}
    return {part: 1000 * seconds / len(ids) for part, seconds in parts.items()}


def main() -> None:
    """Measure, print, and write the table into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--memos", type=int, default=200)
    arguments.add_argument("--recordings", type=int, default=40)
    asked = arguments.parse_args()
    timed("Vosk", VoskTranscriber, "transcribe")
    timed("CTranslate2", ArgosTranslator, "translate")
    timed("decoding, canonical audio", FFmpegDecoder, "decode")
    timed("voice activity", WebRtcDetector, "detect")
    timed("subtitles", stages, "caption")
    timed("Dagster: materializations and checks", DagsterListener, "stage_done")
    for name in ("save_audio", "save_segments", "save_transcript", "save_translations", "save_subtitles"):
        timed("SQL: commits", SqlRecordStore, name)
    with tempfile.TemporaryDirectory() as folder:
        memos = measure(varied(Path(folder) / "memos", asked.memos, 5))
        recordings = measure(varied(Path(folder) / "recordings", asked.recordings, 60))
    rows = ["| CPU a recording | memo of 5 s | recording of 60 s |", "|---|---|---|"]
    rows += [f"| {part} | {memos.get(part, 0):.1f} ms | {recordings[part]:.1f} ms |" for part in recordings]
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."])
    print(text)
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "breakdown", text)


if __name__ == "__main__":
    main()
