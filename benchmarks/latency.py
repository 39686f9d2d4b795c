"""From a memo's arrival in the inbox to its Persian in the database: by `watch`, and by the sensor of `up`.

    python benchmarks/latency.py [--write] [--memos 20] [--by-sensor 5]

One memo of 5 s at a time, moved into the inbox as a whole. The engines' own time is that of the bare engines, warm, on
the same memo. A row is done when a reader of the database sees it.
"""

import argparse
import datetime as dt
import statistics
import sys
import tempfile
import time
from pathlib import Path

import ctranslate2  # noqa: F401 - loaded before the clock runs
import soundfile
import vosk
from archive import MODEL, REPOSITORY, free_port, machine, running, varied, write_section

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline
from asr_pipeline.wiring.storage import Storage, open_storage

sys.path.append(str(Path(__file__).parent / "peers"))
from limit import recognise


def arrivals(storage: Storage, memos: list[Path], pause_s: float) -> list[float]:
    """Move memos into the inbox, one after another; give the seconds until each is done."""
    took = []
    for count, memo in enumerate(memos, start=1):
        began_s = time.perf_counter()
        memo.rename(storage.inbox.folder / memo.name)
        while storage.store.count_by_state()[RecordingState.DONE] < count:
            time.sleep(0.01)
        took.append(time.perf_counter() - began_s)
        time.sleep(pause_s)
    return took


def engines_s(memos: list[Path]) -> float:
    """Give the median of what the bare engines take for one of them."""
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(MODEL))
    took = []
    with tempfile.TemporaryDirectory() as data, open_pipeline(load_settings(data_dir=Path(data))) as pipeline:
        pipeline.preload()
        for memo in memos:
            pcm = soundfile.read(memo, dtype="int16")[0].tobytes()
            began_s = time.perf_counter()
            texts = recognise(model, pcm)
            pipeline.tools.translator.translate(texts, source="en", target="fa", glossary=None)
            took.append(time.perf_counter() - began_s)
    return statistics.median(took)


def main() -> None:
    """Measure, print, and write the table into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--memos", type=int, default=20)
    arguments.add_argument("--by-sensor", type=int, default=5)
    asked = arguments.parse_args()
    rows = ["| way | memos | median | fastest | slowest |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        memos = sorted(varied(Path(folder) / "memos", asked.memos + asked.by_sensor, 5).iterdir())
        alone_s = engines_s(memos)
        rows.append(f"| the bare engines, warm | {len(memos)} | {alone_s:.2f} s | | |")
        ways = [
            ("`asr-pipeline watch`", ("watch",), memos[: asked.memos], 0.3),
            ("the sensor of `asr-pipeline up`", ("up", "--port", str(free_port())), memos[asked.memos :], 3.0),
        ]
        for name, command, some, pause_s in ways:
            data = Path(folder) / command[0]
            with open_storage(load_settings(data_dir=data)) as storage, running(data, *command):
                time.sleep(20)  # until it watches
                took = arrivals(storage, some, pause_s)
            rows.append(
                f"| {name} | {len(some)} | {statistics.median(took):.2f} s | {min(took):.2f} s | {max(took):.2f} s |"
            )
            print(rows[-1], flush=True)
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."])
    print(text)
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "latency", text)


if __name__ == "__main__":
    main()
