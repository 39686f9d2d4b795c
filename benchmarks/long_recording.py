"""A long recording: all cores busy, memory that does not grow with its length, words in order, times right.

python benchmarks/long_recording.py

The hour is also recognised by one worker: the same text, and how much faster two are.
"""

import datetime as dt
import os
import tempfile
from pathlib import Path

from archive import REPOSITORY, Sample, bare_words, joined, machine, results, run, write_section

RUNS = ((10, 2), (60, 1), (60, 2), (600, 2))  # (minutes, workers)


def main() -> None:
    """Measure, print, and write the table into docs/performance.md."""
    rows = [
        "| recording | workers | wall | CPU | cores busy | peak memory | words | in order | start within 0.1 s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    walls: dict[tuple[int, int], float] = {}
    texts: dict[tuple[int, int], list[str]] = {}
    for minutes, workers in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "long.wav"
            parts = joined(path, minutes * 60)
            took = run(["process", str(path), "--json"], data_dir=Path(folder) / "data", workers=str(workers))
            (found,) = results(took)
        words = [word for utterance in found["utterances"] for word in utterance["words"]]
        walls[minutes, workers], texts[minutes, workers] = took.wall_s, [word["text"] for word in words]
        starts = [word["start_s"] for word in words]
        right, compared = _times_right(words, parts)
        rows.append(
            f"| {minutes} min | {workers} | {took.wall_s:.1f} s | {took.cpu_s:.1f} s "
            f"| {took.cpu_s / took.wall_s:.2f} of {len(os.sched_getaffinity(0))} | {took.peak_mib:.0f} MiB "
            f"| {len(words):,} | {'yes' if starts == sorted(starts) else 'NO'} | {right:,} of {compared:,} |"
        )
        print(rows[-1], flush=True)
    same = "the same" if texts[60, 1] == texts[60, 2] else "ANOTHER"
    rows += [
        "",
        f"Two workers are {walls[60, 1] / walls[60, 2]:.2f} times as fast as one over the hour, with {same} text.",
    ]
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."])
    write_section(REPOSITORY / "docs" / "performance.md", "long", text)


def _times_right(words: list[dict[str, float]], parts: list[tuple[Sample, float]]) -> tuple[int, int]:
    """Hold each word against the same word of its sample, recognised alone, moved by the sample's offset."""
    alone = {sample.path: list(bare_words(sample.pcm.tobytes())) for sample in {sample for sample, _ in parts}}
    right = compared = 0
    for sample, offset_s in parts:
        end_s = offset_s + len(sample.pcm) / 16_000
        here = [word for word in words if offset_s <= word["start_s"] < end_s]
        unmatched = list(here)
        for expected in alone[sample.path]:
            same = [w for w in unmatched if w["text"] == expected["word"]]
            if not same:
                continue
            nearest = min(same, key=lambda w: abs(w["start_s"] - offset_s - expected["start"]))
            unmatched.remove(nearest)
            compared += 1
            right += abs(nearest["start_s"] - offset_s - expected["start"]) <= 0.1
    return right, compared


if __name__ == "__main__":
    main()
