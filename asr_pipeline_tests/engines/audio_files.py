"""Audio files made at test time by FFmpeg's own encoders, and comparisons of what comes back."""

from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

Sound = np.ndarray[Any, np.dtype[np.float64]]  # (channels, samples), fractions of full scale
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
CODINGS = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}


def tones(seconds: float, rate_hz: int, channels: int = 1) -> Sound:
    """Make a slowly swelling tone in each channel, at a pitch of its own, below 3 kHz."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    swell = 0.3 + 0.2 * np.sin(2 * np.pi * 0.7 * time_s)
    return np.stack([swell * np.sin(2 * np.pi * (400 + 330 * n) * time_s) for n in range(channels)])


def encode(path: Path, container: str, codec: str, sound: Sound, rate_hz: int, *, coding: str | None = None) -> Path:
    """Write `sound` through FFmpeg's encoder."""
    channels = len(sound)
    with av.open(path, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=LAYOUTS[channels])
        assert isinstance(stream, AudioStream)
        wanted = coding or stream.codec_context.format.name
        kind = wanted.removesuffix("p")
        samples = _coded(sound, kind)
        size = stream.codec_context.frame_size or 4096
        frame_samples = size if size > 1 else 4096
        for start in range(0, samples.shape[1], frame_samples):
            part = samples[:, start : start + frame_samples]
            array = part if wanted.endswith("p") else part.T.reshape(1, -1)
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(array), format=wanted, layout=LAYOUTS[channels])
            frame.sample_rate, frame.pts = rate_hz, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _coded(sound: Sound, kind: str) -> np.ndarray[Any, Any]:
    if kind in {"flt", "dbl"}:
        return sound.astype(CODINGS[kind])
    if kind == "u8":
        return np.rint(sound * 127 + 128).astype(np.uint8)
    full = 2.0 ** (8 * np.dtype(CODINGS[kind]).itemsize - 1)
    return np.clip(np.rint(sound * full), -full, full - 1).astype(CODINGS[kind])


def likeness(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], *, slack: int = 2400) -> float:
    """Correlation of two sounds at the best shift of up to `slack` samples: 1 for the same sound."""
    length = min(len(found), len(expected))
    padded = 1 << (2 * length).bit_length()
    product = np.fft.rfft(found[:length], padded) * np.conj(np.fft.rfft(expected[:length], padded))
    shifts = np.fft.irfft(product, padded)
    best = max(shifts[: slack + 1].max(), shifts[-slack:].max())
    return float(best / np.sqrt((found[:length] ** 2).sum() * (expected[:length] ** 2).sum()))
