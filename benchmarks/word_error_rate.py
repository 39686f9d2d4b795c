"""Word error rate: through the pipeline, by the bare engine on the same cuts, and by one uncut pass.

    python benchmarks/word_error_rate.py

Three sets: the samples; the samples joined into one recording; human digits, where a folder of them is given by
HUMAN_DIGITS (Free Spoken Digit Dataset as FLAC, {digit}_{speaker}_{n}.flac).
"""

import datetime as dt
import os
import tempfile
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from archive import RATE_HZ, REPOSITORY, bare_words, joined, machine, results, run, samples, segments, write_section

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def main() -> None:
    """Measure, print, and write the table into docs/accuracy.md."""
    with tempfile.TemporaryDirectory() as folder:
        sets = {"6 samples": [(sample.path, sample.text) for sample in samples()]}
        long = Path(folder) / "joined.wav"
        parts = joined(long, 600)
        sets["samples joined, 10 min"] = [(long, " ".join(sample.text for sample, _ in parts))]
        if digits := os.environ.get("HUMAN_DIGITS"):
            sets["human digits, unseen speakers"] = _digit_strings(Path(digits), Path(folder))
        rows = [
            "| recordings | words | pipeline | bare engine, same cuts | bare engine, uncut |",
            "|---|---|---|---|---|",
        ]
        for name, recordings in sets.items():
            rows.append(_row(name, recordings, Path(folder) / "data"))
            print(rows[-1], flush=True)
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."])
    write_section(REPOSITORY / "docs" / "accuracy.md", "wer", text)


def _row(name: str, recordings: list[tuple[Path, str]], data_dir: Path) -> str:
    references = [text for _, text in recordings]
    pipeline, same_cuts, uncut = [], [], []
    paths = [path for path, _ in recordings]
    took = run(["process", *map(str, paths), "--again", "--json"], data_dir=data_dir)
    for path, found in zip(paths, results(took), strict=True):
        words = [word["text"] for utterance in found["utterances"] for word in utterance["words"]]
        pipeline.append(" ".join(words))
        pcm = soundfile.read(path, dtype="int16")[0]
        pieces = (
            pcm[round(s.start_s * RATE_HZ) : round(s.end_s * RATE_HZ)]
            for s in segments(data_dir, found["recording_id"])
        )
        same_cuts.append(" ".join(word["word"] for piece in pieces for word in bare_words(piece.tobytes())))
        uncut.append(" ".join(word["word"] for word in bare_words(pcm.tobytes())))
    count = sum(len(text.split()) for text in references)
    rates = (jiwer.wer(references, hypotheses) for hypotheses in (pipeline, same_cuts, uncut))
    return f"| {name} | {count:,} | " + " | ".join(f"{rate:.2%}" for rate in rates) + " |"


def _digit_strings(digits: Path, folder: Path) -> list[tuple[Path, str]]:
    """Join the digits of the speakers that the starter model never heard into strings of eight, 16 kHz."""
    made = []
    random = np.random.default_rng(5)
    for speaker in ("theo", "lucas"):
        files = sorted(digits.glob(f"*_{speaker}_*.flac"))
        random.shuffle(files)
        for start in range(0, len(files), 8):
            chosen = files[start : start + 8]
            pieces = [np.zeros(4000, np.int16)]
            for file in chosen:
                samples_8k, _ = soundfile.read(file, dtype="int16")
                pieces += [np.repeat(samples_8k, 2), np.zeros(3200, np.int16)]
            path = folder / f"digits-{speaker}-{start}.wav"
            soundfile.write(path, np.concatenate(pieces), RATE_HZ)
            made.append((path, " ".join(DIGITS[int(file.name[0])] for file in chosen)))
    return made


if __name__ == "__main__":
    main()
