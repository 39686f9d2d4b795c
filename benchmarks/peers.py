"""What the pipeline costs beside its limit and its peers, measured in turns on the same recordings in one run.

    python benchmarks/peers.py [--write] [--recordings 200] [--memos 1000] [--sentences 10000] [--rounds 3]

benchmarks/peers/ has what is compared. vosk-transcriber and the two services need `ffmpeg` on PATH. Each is a process
of its own; of the limit and of the translators the loading of models is not in the time, of all others it is. Making
the data folder and its databases, once and for all, is not in ours.
"""

import argparse
import datetime as dt
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jiwer
from archive import MODEL, REPOSITORY, machine, run, varied, write_section

from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline

PEERS = Path(__file__).parent / "peers"
NAIVE_MEMOS = 6  # of naive Dagster: a run takes ten seconds
LIMIT, PIPELINE = "the limit: bare engines", "asr-pipeline process"


@dataclass
class Contender:
    """Something that is measured: `measure` gives seconds and the text of each file, or what else it found."""

    name: str
    measure: Callable[[], tuple[float, dict[str, str]]]
    seconds: list[float] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def median_s(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.seconds)


def in_turns(contenders: list[Contender], rounds: int) -> None:
    """Measure A B C, A B C, …: what the machine does besides meets all alike."""
    for number, contender in itertools.product(range(rounds), contenders):
        wall_s, contender.texts = contender.measure()
        contender.seconds.append(wall_s)
        print(f"round {number + 1}: {contender.name}: {wall_s:.2f} s", flush=True)


def printed(*command: str | Path, stdin: str | None = None, **environment: str) -> dict[str, Any]:
    """Run a peer, and give the JSON that it prints."""
    finished = subprocess.run(
        [sys.executable, *map(str, command)],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def limit(folder: Path, cuts: Path) -> tuple[float, dict[str, str]]:
    """Run the bare engines."""
    found = printed(PEERS / "limit.py", folder, cuts)
    return found["wall_s"], found["texts"]


def pipeline(folder: Path, cuts: Path, **settings: str) -> tuple[float, dict[str, str]]:
    """Run this product's command, in a data folder that is made beforehand; writes at which pauses it cut."""
    with tempfile.TemporaryDirectory() as data:
        run(["process", str(REPOSITORY / "data" / "samples" / "phrases-1.wav")], data_dir=Path(data), **settings)
        took = run(["process", str(folder), "--json"], data_dir=Path(data), **settings)
        with open_pipeline(load_settings(data_dir=Path(data))) as opened:
            segments = {
                row.recording.name: [(s.start_s, s.end_s) for s in opened.store.segments(row.recording.recording_id)]
                for row in opened.store.rows()
                if (folder / row.recording.name).exists()  # not the one that made the data folder
            }
    cuts.write_text(json.dumps(segments))
    recordings = json.loads(took.printed)["recordings"]
    return took.wall_s, {one["name"]: " ".join(u["text"] for u in one["utterances"]) for one in recordings}


def transcriber(folder: Path) -> tuple[float, dict[str, str]]:
    """Run vosk-transcriber; it does not translate."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        command = [str(Path(sys.executable).with_name("vosk-transcriber")), "--model", str(MODEL)]
        command += ["--input", str(folder), "--output", out, "--log-level", "ERROR"]
        subprocess.run(command, check=True, capture_output=True)
        wall_s = time.perf_counter() - started
        return wall_s, {f"{file.stem}.wav": " ".join(file.read_text().split()) for file in Path(out).iterdir()}


def two_services(folder: Path) -> tuple[float, dict[str, str]]:
    """Run the design that this project replaces."""
    found = printed(PEERS / "two_services.py", folder)
    return found["wall_s"], found["texts"]


def naive_dagster(folder: Path, count: int) -> tuple[float, dict[str, str]]:
    """Run naive Dagster on a few memos, as many times longer as there are more."""
    found = printed(PEERS / "naive_dagster.py", folder)
    return found["wall_s"] / NAIVE_MEMOS * count, {}


def sentences(count: int) -> list[str]:
    """Give distinct sentences of the starter models' vocabulary."""
    people = ["Daniel", "Mina", "the doctor", "our teacher", "my brother", "the driver", "her friend", "the manager"]
    places = ["the train station", "the hospital", "the garden", "the office", "the market", "the bank", "the airport"]
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    kinds = [
        "{} will drive to {} on {} at {}.",
        "{} called you from {} on {}, {} times.",
        "did {} go to {} on {} at {}?",
    ]
    every = itertools.product(kinds, people, places, days, numbers)
    found = [text[0].upper() + text[1:] for kind, *parts in every for text in [kind.format(*parts)]]
    return found[:count]


def batches(texts: list[str]) -> tuple[float, dict[str, str]]:
    """Translate as the pipeline does; its memory of translations is left out."""
    with tempfile.TemporaryDirectory() as data, open_pipeline(load_settings(data_dir=Path(data))) as opened:
        opened.preload()
        started = time.perf_counter()
        translated = opened.tools.translator.translate(texts, source="en", target="fa", glossary=None)
        return time.perf_counter() - started, dict(zip(texts, translated, strict=True))


def one_by_one(texts: list[str]) -> tuple[float, dict[str, str]]:
    """Translate with argostranslate."""
    with tempfile.TemporaryDirectory() as data, open_pipeline(load_settings(data_dir=Path(data))) as opened:
        package = opened.tools.translator.packages[0]  # type: ignore[attr-defined]
        found = printed(PEERS / "one_by_one.py", package, stdin="\n".join(texts), ARGOS_BEAM_SIZE="1")
    return found["wall_s"], dict(zip(texts, found["translated"], strict=True))


def rows(contenders: list[Contender], truth: Contender, count: int, unit: str) -> Iterator[str]:
    """Give the rows of a table: beside the first contender, and in words that differ from the limit's."""
    yield f"| | wall, median (spread) | × the limit | {unit} | files without a result | words unlike the limit's |"
    yield "|---|---|---|---|---|---|"
    for one in contenders:
        named = sorted(truth.texts)
        lost = sum(name not in one.texts for name in named) if one.texts else None
        differ = jiwer.wer([truth.texts[n] or "-" for n in named], [one.texts.get(n) or "-" for n in named])
        yield (
            f"| {one.name} | {one.median_s:.1f} s ({min(one.seconds):.1f} to {max(one.seconds):.1f}) "
            f"| {one.median_s / truth.median_s:.2f} | {count / one.median_s:.2f} "
            f"| {'–' if lost is None else lost} | {f'{differ:.2%}' if one.texts else '–'} |"
        )


def main() -> None:
    """Measure, print, and write the tables into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    for name, default in (("recordings", 200), ("memos", 1000), ("sentences", 10_000), ("rounds", 3)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    asked = arguments.parse_args()
    if shutil.which("ffmpeg") is None:  # vosk-transcriber would give nothing, and take no time for it
        arguments.error("vosk-transcriber and the two services need ffmpeg on PATH: apt install ffmpeg")
    text: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        if asked.recordings:
            text += long_table(Path(folder), asked.recordings, asked.rounds)
        if asked.memos:
            text += memo_table(Path(folder), asked.memos, asked.rounds)
    if asked.sentences:
        text += sentence_table(asked.sentences, asked.rounds)
    text += [f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."]
    print("\n".join(text))
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "peers", "\n".join(text))


def long_table(folder: Path, count: int, rounds: int) -> list[str]:
    """Compare on recordings of a minute."""
    recordings, cuts = varied(folder / "recordings", count, 60), folder / "cuts.json"
    ours = Contender(PIPELINE, lambda: pipeline(recordings, cuts))
    bare = Contender(LIMIT, lambda: limit(recordings, cuts))
    others = [
        Contender("vosk-transcriber (no translation)", lambda: transcriber(recordings)),
        Contender("two services", lambda: two_services(recordings)),
    ]
    in_turns([ours, bare, *others], rounds)
    return [f"{count:,} recordings of 60 s:", "", *rows([bare, ours, *others], bare, count, "recordings a second"), ""]


def memo_table(folder: Path, count: int, rounds: int) -> list[str]:
    """Compare on memos of 5 s."""
    memos, cuts = varied(folder / "memos", count, 5), folder / "cuts.json"
    few = varied(folder / "few", NAIVE_MEMOS, 5)
    ours = Contender(PIPELINE, lambda: pipeline(memos, cuts))
    bare = Contender(LIMIT, lambda: limit(memos, cuts))
    others = [
        Contender("two services", lambda: two_services(memos)),
        Contender(
            f"naive Dagster ({NAIVE_MEMOS} memos, × {count / NAIVE_MEMOS:.0f})", lambda: naive_dagster(few, count)
        ),
    ]
    in_turns([ours, bare, *others], rounds)
    return [f"{count:,} memos of 5 s:", "", *rows([bare, ours, *others], bare, count, "memos a second"), ""]


def sentence_table(count: int, rounds: int) -> list[str]:
    """Compare translators."""
    texts = sentences(count)
    ours = Contender("the pipeline's batches", lambda: batches(texts))
    theirs = Contender("argostranslate, one by one", lambda: one_by_one(texts))
    in_turns([ours, theirs], rounds)
    same = sum(ours.texts[text] == theirs.texts[text] for text in texts) / len(texts)
    return [
        f"{len(texts):,} sentences, beam 1; {same:.2%} of the translations are the same:",
        "",
        "| | wall, median (spread) | sentences a second |",
        "|---|---|---|",
        *(
            f"| {one.name} | {one.median_s:.1f} s ({min(one.seconds):.1f} to {max(one.seconds):.1f}) "
            f"| {len(texts) / one.median_s:,.0f} |"
            for one in (ours, theirs)
        ),
        "",
    ]


if __name__ == "__main__":
    main()
