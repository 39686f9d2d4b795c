"""``python -m models.recipe.recognizer.samples FOLDER``: speak and encode the samples, and list them in samples.tsv.

Lines of other recordings in FOLDER/samples.tsv are kept.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.augmentation import coloured_noise
from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ
from models.recipe.recognizer.corpus.synthesis import speak_all
from models.recipe.recognizer.samples.encoding import encode
from models.recipe.recognizer.samples.recordings import RECORDINGS, Recording
from models.recipe.recognizer.voices.speech import Utterance

SCRIPT = Path(__file__).with_name("script.tsv")
LEAD_S, GAP_S, TAIL_S = 0.4, 0.9, 0.6
LOUDNESS = 0.7
_FLOOR = 6e-4  # of full scale: no recording is digitally silent
_SETTINGS = {"espeak": {"pace": 145.0, "pitch": 50.0}, "festival": {"stretch": 1.05}}

Signal = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the script."""

    name: str
    engine: str
    voice: str
    english: str
    persian: str


def script() -> Iterator[Line]:
    """Read the script."""
    with SCRIPT.open(encoding="utf-8") as table:
        for row in csv.reader(table, delimiter="\t"):
            yield Line(*row)


def record(recording: Recording, lines: Sequence[Line]) -> Signal:
    """Give samples x channels, in [-1, 1], at the recording's rate."""
    from scipy.signal import resample_poly

    utterances = [
        Utterance(f"{line.name}{n}", line.engine, line.voice, line.english, _SETTINGS[line.engine])
        for n, line in enumerate(lines)
    ]
    voices = recording.channels or ("",)
    parts = [np.zeros((int(LEAD_S * SAMPLE_RATE_HZ), len(voices)))]
    for utterance, speech in zip(utterances, speak_all(utterances), strict=True):
        channel = voices.index(utterance.voice) if recording.channels else 0
        part = np.zeros((len(speech.pcm), len(voices)))
        part[:, channel] = speech.pcm / 32768 * LOUDNESS
        parts += [part, np.zeros((int(GAP_S * SAMPLE_RATE_HZ), len(voices)))]
    parts[-1] = np.zeros((int(TAIL_S * SAMPLE_RATE_HZ), len(voices)))
    samples = np.concatenate(parts)
    generator = np.random.default_rng(12)
    samples += generator.standard_normal(samples.shape) * _FLOOR
    if recording.noise_db is not None:
        level = np.sqrt((samples**2).mean()) * 10 ** (-recording.noise_db / 20)
        samples[:, 0] += coloured_noise(generator, len(samples), 1.0) * level
    if recording.rate_hz != SAMPLE_RATE_HZ:
        samples = resample_poly(samples, recording.rate_hz, SAMPLE_RATE_HZ)
    clipped: Signal = np.clip(samples, -1, 1)
    return clipped


def make(folder: Path) -> None:
    """Write every recording and its line: file, seconds, voices, English, Persian."""
    table = folder / "samples.tsv"
    lines = list(script())
    rows = []
    for recording in RECORDINGS:
        said = [line for line in lines if line.name == recording.name]
        samples = record(recording, said)
        encode(folder / recording.name, samples, recording.rate_hz, recording.bit_rate)
        voices = ", ".join(dict.fromkeys(line.voice.replace("+", "-") for line in said))
        seconds = f"{len(samples) / recording.rate_hz:.1f}"
        english, persian = (" ".join(getattr(line, side) for line in said) for side in ("english", "persian"))
        rows.append("\t".join([recording.name, seconds, f"{voices}; {recording.said_of}", english, persian]))
    made = {recording.name for recording in RECORDINGS}
    others = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    kept = [line for line in others if line.split("\t")[0] not in made]
    table.write_text("".join(f"{row}\n" for row in [*kept, *rows]), encoding="utf-8")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe.recognizer.samples", description=__doc__)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)


if __name__ == "__main__":
    main()
