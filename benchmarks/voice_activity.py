"""Voice-activity detectors: what they cost, what they miss, and what cutting there does to the word error rate.

    python benchmarks/voice_activity.py

Sets: the samples joined with known pauses, clean and in pink noise; strings of human digits where HUMAN_DIGITS names
a folder of them (Free Spoken Digit Dataset as FLAC). Silero is measured where onnxruntime is installed and SILERO_ONNX
names its model file (`silero_vad.onnx` of the silero-vad wheel, without torch). Writes docs/adr/0004-voice-activity.md.
"""

import datetime as dt
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import soundfile
import webrtcvad
from archive import RATE_HZ, REPOSITORY, bare_words, samples, write_section

from asr_pipeline.domain.pauses import PauseRules, speech_stretches
from asr_pipeline.engines.voice_activity import FRAME_MS, speech_and_levels

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
UNSEEN = ("theo", "lucas")  # held out of the starter model's training
NOISES_DB = (None, 12, 6, 0)
SILERO_SAMPLES, SILERO_CONTEXT, SILERO_THRESHOLD, SILERO_LEAVE = 512, 64, 0.5, 0.35
Pcm = np.ndarray[Any, np.dtype[np.int16]]
Judge = Callable[[Pcm], tuple[bytes, bytes, float]]  # speech, levels, milliseconds a frame


@dataclass
class Scene:
    """Sound with known words, and where somebody speaks, a flag for each 10 ms."""

    name: str
    pcm: Pcm
    text: str
    spoken: np.ndarray[Any, np.dtype[np.bool_]] = field(repr=False)


def main() -> None:
    """Measure, print, and write the table."""
    judges = _judges()
    rows = [
        "| recordings | detector | speech missed | pauses passed | segments | WER cut | WER uncut | CPU s / audio h |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for scene in _scenes():
        uncut = jiwer.wer(scene.text, _words(scene.pcm))
        for name, (judge, pause_ms, padding_ms) in judges.items():
            rows.append(_row(scene, name, judge, (pause_ms, padding_ms), uncut))
            print(rows[-1], flush=True)
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    write_section(REPOSITORY / "docs" / "adr" / "0004-voice-activity.md", "table", "\n".join([*rows, "", f"{when}."]))


def _row(scene: Scene, name: str, judge: Judge, times_ms: tuple[int, int], uncut: float) -> str:
    started = time.process_time()
    speech, levels, frame_ms = judge(scene.pcm)
    cpu_s = time.process_time() - started
    pause_ms, padding_ms = times_ms
    rules = PauseRules(
        frame_ms=round(frame_ms), min_pause_ms=pause_ms, padding_ms=padding_ms, min_speech_ms=90, max_segment_s=30
    )
    stretches = speech_stretches(speech, levels, rules)
    held = np.zeros(len(scene.spoken), bool)
    words = []
    for first, end in stretches:
        held[round(first * frame_ms / 10) : round(end * frame_ms / 10)] = True
        words.append(_words(scene.pcm[round(first * frame_ms * 16) : round(end * frame_ms * 16)]))
    missed = (scene.spoken & ~held).sum() / scene.spoken.sum()
    passed = (~scene.spoken & held).sum() / (~scene.spoken).sum()
    rate = jiwer.wer(scene.text, " ".join(words))
    hours = len(scene.pcm) / RATE_HZ / 3600
    cells = (
        f"{missed:.2%}",
        f"{passed:.1%}",
        f"{len(stretches)}",
        f"{rate:.2%}",
        f"{uncut:.2%}",
        f"{cpu_s / hours:.2f}",
    )
    return f"| {scene.name} | {name} | " + " | ".join(cells) + " |"


def _words(pcm: Pcm) -> str:
    return " ".join(word["word"] for word in bare_words(pcm.tobytes()))


def _judges() -> dict[str, tuple[Judge, int, int]]:
    def webrtc(aggressiveness: int) -> Judge:
        return lambda pcm: (*speech_and_levels(pcm, aggressiveness), FRAME_MS)

    pause_ms, padding_ms = int(os.environ.get("MIN_PAUSE_MS", "500")), int(os.environ.get("PADDING_MS", "250"))
    judges = {f"webrtc {mode}": (webrtc(mode), pause_ms, padding_ms) for mode in (2, 3)}
    judges["webrtc 2 alone"] = (_webrtc_alone, pause_ms, padding_ms)
    model = os.environ.get("SILERO_ONNX")
    try:
        import onnxruntime  # noqa: PLC0415 - measured only where it is
    except ModuleNotFoundError:
        print("onnxruntime is not installed: Silero is left out")
        return judges
    if not model:
        print("SILERO_ONNX is not set: Silero is left out")
        return judges
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    return judges | {"silero": (lambda pcm: _silero(session, pcm), pause_ms, padding_ms)}


def _webrtc_alone(pcm: Pcm) -> tuple[bytes, bytes, float]:
    """Judge as the detector does, without the rule for what stands out of noise."""
    detector, step = webrtcvad.Vad(2), RATE_HZ * FRAME_MS // 1000
    padded = np.pad(pcm, (0, -len(pcm) % step)).reshape(-1, step)
    flags = bytes(detector.is_speech(frame.tobytes(), RATE_HZ) for frame in padded)
    return flags, speech_and_levels(pcm, 2)[1], FRAME_MS


def _silero(session: Any, pcm: Pcm) -> tuple[bytes, bytes, float]:  # noqa: ANN401 - onnxruntime carries no types
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(RATE_HZ)
    padded = np.pad(pcm, (SILERO_CONTEXT, -len(pcm) % SILERO_SAMPLES)).astype(np.float32) / 32768
    speaking, flags, levels = False, bytearray(), bytearray()
    for at in range(0, len(padded) - SILERO_CONTEXT, SILERO_SAMPLES):
        frame = padded[np.newaxis, at : at + SILERO_CONTEXT + SILERO_SAMPLES]
        likely, state = session.run(None, {"input": frame, "state": state, "sr": rate})
        speaking = bool(likely[0, 0] >= (SILERO_LEAVE if speaking else SILERO_THRESHOLD))
        flags.append(speaking)
        levels.append(int(20 * np.log10(np.mean((frame * 32768) ** 2) + 1)))
    return bytes(flags), bytes(levels), 1000 * SILERO_SAMPLES / RATE_HZ


def _scenes() -> list[Scene]:
    chance = random.Random(7)  # repeatable
    order = [sample for _ in range(2) for sample in chance.sample(samples(), len(samples()))]
    scenes = [_scene("samples", [(s.pcm, s.text) for s in order], chance, db) for db in NOISES_DB]
    if folder := os.environ.get("HUMAN_DIGITS"):
        strings = [_digit_string(Path(folder), chance) for _ in range(40)]
        scenes += [_scene("human digits", strings, chance, db) for db in (None, 12)]
    return scenes


def _scene(name: str, parts: list[tuple[Pcm, str]], chance: random.Random, noise_db: int | None) -> Scene:
    pieces: list[Pcm] = []
    for pcm, _ in parts:
        pieces += [np.zeros(round(chance.uniform(0.6, 2.5) * RATE_HZ), np.int16), pcm]
    clean = np.concatenate([*pieces, np.zeros(RATE_HZ, np.int16)])
    text = " ".join(text for _, text in parts)
    spoken = _spoken(clean)
    label = "clean" if noise_db is None else f"{noise_db} dB pink noise"
    return Scene(f"{name}, {label}", _noisy(clean, spoken, noise_db), text, spoken)


def _spoken(clean: Pcm) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for each 10 ms of clean sound whether it is within 35 dB of the loudest; gaps of 150 ms are within words."""
    frames = clean[: len(clean) // 160 * 160].reshape(-1, 160).astype(np.float32)
    power = (frames**2).mean(axis=1)
    loud = power > power.max() / 10**3.5
    where = np.flatnonzero(loud)
    for before, after in pairwise(where):
        if after - before <= 15:
            loud[before:after] = True
    return np.asarray(loud)


def _noisy(clean: Pcm, spoken: np.ndarray[Any, np.dtype[np.bool_]], noise_db: int | None) -> Pcm:
    if noise_db is None:
        return clean
    length = 1 << len(clean).bit_length()  # a power of two: other lengths can take minutes
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(length))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)[: len(clean)]
    voice = clean[: len(spoken) * 160].reshape(-1, 160)[spoken].astype(np.float64)
    noise *= np.sqrt((voice**2).mean() / (noise**2).mean() / 10 ** (noise_db / 10))
    return np.clip(clean * 0.5 + noise * 0.5, -32768, 32767).astype(np.int16)


def _digit_string(folder: Path, chance: random.Random) -> tuple[Pcm, str]:
    speaker, said = chance.choice(UNSEEN), [chance.randrange(10) for _ in range(5)]
    pieces: list[Pcm] = []
    for digit in said:
        at_8k = soundfile.read(folder / f"{digit}_{speaker}_{chance.randrange(50)}.flac", dtype="int16")[0]
        at_16k = np.interp(np.arange(2 * len(at_8k)) / 2, np.arange(len(at_8k)), at_8k).astype(np.int16)
        pieces += [at_16k, np.zeros(round(chance.uniform(0.1, 0.35) * RATE_HZ), np.int16)]
    return np.concatenate(pieces), " ".join(DIGITS[digit] for digit in said)


if __name__ == "__main__":
    main()
