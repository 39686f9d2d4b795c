"""Any audio file -> canonical audio, streamed: the only importer of PyAV, which brings FFmpeg's libraries.

A source is not trusted. It is opened as a Python file, so FFmpeg has no protocol to follow, and only container formats
that hold their own sound are allowed: no playlist, no list of other files, no device.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from asr_pipeline.domain.audio import FULL_SCALE, SAMPLE_RATE_HZ, AudioInfo, ChannelMode
from asr_pipeline.domain.errors import LimitExceeded, TransientFailure, UnreadableAudio
from asr_pipeline.engines.audio_levels import Levels, Waveform
from asr_pipeline.engines.canonical_audio import MAX_CHANNELS, CanonicalAudio, CanonicalWriter
from asr_pipeline.engines.declared_length import mp3_counts_its_frames, wav_data

__all__ = ["CanonicalAudio", "FFmpegDecoder"]

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,gsm,matroska,webm,mov,mp4,m4a,3gp,mp3,mpc,mpc8,mpeg,mpegts,"
    "nistsphere,ogg,tta,voc,w64,wav,wv"
)
# Containers whose header states the length; the others' is guessed by FFmpeg from size and bit rate.
DECLARES_LENGTH = frozenset({"flac", "wav", "w64", "aiff", "caf", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"})
LOSS_TOLERATED_S = 1.0  # players pass over a damaged frame or a torn end; more than this is not passed over in silence
GAP_S = 0.1  # a hole in the timestamps from here on is filled with silence, so that later words keep their times
LONGEST_GAP_S = 600.0  # a greater jump is a restarted clock, not a hole
BLOCK_SAMPLES = (
    16_384  # per channel: frames of 1,000 samples are gathered; 64 KB arrays are reused, larger ones mapped anew
)
# A WAV's header says all: FFmpeg need not look far into it, nor hand the sound over 4 KB at a time.
WAV_READING = {"max_size": "16384", "probesize": "32768", "analyzeduration": "0"}
RATES_HZ = range(4_000, 768_001)
MOST_CHANNELS = 64  # that FFmpeg knows
SCALES = {"s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0, "u8": 2.0**7}
# The greatest magnitude where it is less than 16 bits give.
FULL_SCALES = {"pcm_u8": 127 / 128, "pcm_alaw": 32_256 / 32_768, "pcm_mulaw": 32_124 / 32_768}

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_Block = npt.NDArray[np.float32]  # (channels, samples), as fractions of full scale


@dataclass(frozen=True, slots=True)
class FFmpegDecoder:
    """Implements `ports.AudioDecoder`. Longer or larger sources than the limits are refused."""

    channel_mode: ChannelMode = ChannelMode.MIX
    max_duration_s: float = 24 * 3600
    max_size_bytes: int = 16 * 2**30

    def decode(self, source: Path, destination: Path) -> AudioInfo:
        """Stream the first audio stream of `source` into canonical audio at `destination`.

        Levels are of the source's samples, the waveform is of the canonical ones. Raises UnreadableAudio,
        LimitExceeded, or StorageFull; nothing is left at `destination` then.
        """
        return self._opened(source, lambda opened: self._convert(opened, destination))

    def probe(self, source: Path) -> None:
        """Decode the first frame of `source`. Raises UnreadableAudio where there is none, LimitExceeded."""
        self._opened(source, _require_sound)

    def _opened(self, source: Path, use: "Callable[[_Source], _Result]") -> _Result:
        """Open a source for `use`, whose errors are told apart: the file's, or the disk's."""
        with _open_regular(source) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            self._check_size(source, size_bytes)
            options = _wav_options(source, file, size_bytes)
            file.seek(0)
            try:
                with av.open(file, mode="r", options=options, metadata_errors="replace", buffer_size=2**17) as opened:
                    return use(_Source(source, file, opened))
            except av.FFmpegError as error:
                _unreadable(source, f"{error.strerror or error}")
            except OSError as error:  # the disk's fault, not the file's
                raise TransientFailure(
                    str(source),
                    expected="a disk that answers",
                    found=error.strerror or str(error),
                    remedy="Check the disk or the network share that holds the file; it is tried again.",
                ) from error

    def _convert(self, opened: "_Source", destination: Path) -> AudioInfo:
        source, stream = opened.path, opened.stream
        channels, rate_hz = stream.codec_context.channels, stream.codec_context.sample_rate
        canonical_channels = 1 if self.channel_mode is ChannelMode.MIX else channels
        if canonical_channels > MAX_CHANNELS:
            _unreadable(source, f"{channels} channels to keep apart; up to {MAX_CHANNELS} can be")
        levels = Levels(FULL_SCALES.get(stream.codec_context.name, (FULL_SCALE - 1) / FULL_SCALE))
        waveform = Waveform()
        with CanonicalWriter(destination, canonical_channels) as writer:
            for pcm in _to_canonical(opened, levels, canonical_channels):
                self._check_duration(source, writer.samples + len(pcm))
                waveform.add(pcm)
                writer.write(pcm)
            duration_s = writer.samples / SAMPLE_RATE_HZ
            opened.check_nothing_lost(duration_s)
            writer.publish()
        return AudioInfo(
            path=str(destination),
            duration_s=duration_s,
            container=opened.container.format.name,
            codec=stream.codec_context.name,
            sample_rate_hz=rate_hz,
            channels=channels,
            canonical_channels=canonical_channels,
            peak_dbfs=levels.peak_dbfs,
            rms_dbfs=levels.rms_dbfs,
            clipped_samples=levels.clipped_samples,
            waveform=waveform.points,
        )

    def _check_size(self, source: Path, size_bytes: int) -> None:
        if size_bytes == 0:
            _unreadable(source, "an empty file")
        if size_bytes > self.max_size_bytes:
            raise LimitExceeded(
                str(source),
                expected=f"at most {self.max_size_bytes:,} bytes",
                found=f"{size_bytes:,}",
                remedy="Split the file, or raise ASR_PIPELINE_MAX_SIZE_BYTES.",
            )

    def _check_duration(self, source: Path, samples: int) -> None:
        if samples > self.max_duration_s * SAMPLE_RATE_HZ:
            raise LimitExceeded(
                str(source),
                expected=f"at most {self.max_duration_s:,.0f} s of sound",
                found="more",
                remedy="Split the file, or raise ASR_PIPELINE_MAX_DURATION_S.",
            )


class _Source:
    """An opened source's first audio stream, and what of it was lost on the way."""

    def __init__(self, path: Path, file: BinaryIO, container: InputContainer) -> None:
        self.path, self._file, self.container = path, file, container
        if not container.streams.audio:
            kinds = sorted({str(stream.type) for stream in container.streams})
            _unreadable(path, f"{' and '.join(kinds) or 'nothing'}, no audio stream")
        self.stream: AudioStream = container.streams.audio[0]
        context = self.stream.codec_context
        if context is None:
            _unreadable(path, "a codec that is not known")
        if context.sample_rate not in RATES_HZ or not 1 <= context.channels <= MOST_CHANNELS:
            _unreadable(path, f"{context.channels} channels at {context.sample_rate} Hz")
        context.thread_count = 1  # recordings are decoded side by side; a codec's own threads only add cost
        self._lost_s, self._fault = 0.0, ""

    def frames(self) -> Iterator[AudioFrame]:
        """Decode. A packet that can't be decoded is passed over, and counted."""
        for packet in self.container.demux(self.stream):
            try:
                yield from packet.decode()
            except av.FFmpegError as error:
                base_s = packet.time_base or 0
                self._lost_s += float((packet.duration or 0) * base_s)
                self._fault = error.strerror or str(error)
                if self._lost_s > LOSS_TOLERATED_S:
                    _unreadable(self.path, f"{self._fault.lower()}, more than {LOSS_TOLERATED_S:g} s of it")

    def check_nothing_lost(self, decoded_s: float) -> None:
        """Raise UnreadableAudio where no sound came, or clearly less than the header declares."""
        if decoded_s <= 0:
            _unreadable(self.path, self._fault.lower() or "no sound in it")
        declared_s = self._declared_s()
        if declared_s is not None and decoded_s < declared_s - LOSS_TOLERATED_S:
            _unreadable(
                self.path, f"{decoded_s:.1f} s of sound where its header declares {declared_s:.1f} s: truncated"
            )
        if self._fault:
            _log.warning("%s: %.2f s could not be decoded (%s)", self.path, self._lost_s, self._fault)

    def _declared_s(self) -> float | None:
        name = self.container.format.name
        if name == "mp3":
            self._file.seek(0)
            if not mp3_counts_its_frames(self._file):
                return None
        elif name not in DECLARES_LENGTH:
            return None
        if self.stream.duration is not None and self.stream.time_base is not None and name != "matroska,webm":
            return float(self.stream.duration * self.stream.time_base)
        alone = len(self.container.streams) == 1  # else it may be the length of the picture
        return self.container.duration / av.time_base if alone and self.container.duration else None


def _require_sound(opened: _Source) -> None:
    if next(opened.frames(), None) is None:
        opened.check_nothing_lost(0.0)


def _open_regular(source: Path) -> BinaryIO:
    """Open a regular file, and nothing else: opening a FIFO would wait for a writer."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        _unreadable(source, "a broken link" if source.is_symlink() else "nothing")
    except PermissionError:
        _unreadable(source, "a file that may not be read", remedy="Give read permission to the user that runs this.")
    except OSError as error:
        if source.is_file():
            raise
        _unreadable(source, f"no regular file ({error.strerror})")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        _unreadable(source, "a folder, a pipe or a device")
    return os.fdopen(handle, "rb")


def _wav_options(source: Path, file: BinaryIO, size_bytes: int) -> dict[str, str]:
    """Give FFmpeg's options. Raises UnreadableAudio where a WAV holds less than its header claims."""
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
    data = wav_data(file, size_bytes)
    if data is None:
        return options
    tolerated_bytes = data.bytes_per_s * LOSS_TOLERATED_S
    if data.present_bytes == 0 or data.declared_bytes - data.present_bytes > tolerated_bytes:
        _unreadable(source, f"{data.present_bytes:,} of {data.declared_bytes:,} bytes declared: truncated")
    options |= WAV_READING
    if data.stray_bytes > data.declared_bytes:
        options["ignore_length"] = "1"
    return options


def _to_canonical(opened: _Source, levels: Levels, channels: int) -> Iterator[npt.NDArray[np.int16]]:
    """Give canonical samples (samples, channels), block by block."""
    resamplers: list[av.AudioResampler] = []
    rate_hz = 0
    for block, block_rate_hz in _blocks(opened):
        if not levels.add(block):
            _unreadable(opened.path, "samples that are no numbers, or far beyond full scale")
        if channels > 1 and len(block) != channels:
            _unreadable(
                opened.path, f"{len(block)} channels after {channels}: channels that change can't be kept apart"
            )
        kept = block.mean(axis=0, keepdims=True) if channels == 1 and len(block) > 1 else block
        pcm = np.clip(np.rint(kept * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        if block_rate_hz != rate_hz:
            yield from _flushed(resamplers)
            rate_hz, resamplers = block_rate_hz, []
            if rate_hz != SAMPLE_RATE_HZ:
                resamplers = [av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ) for _ in range(channels)]
        yield _resampled(resamplers, pcm, rate_hz) if resamplers else pcm.T
    yield from _flushed(resamplers)


def _resampled(resamplers: list[av.AudioResampler], pcm: npt.NDArray[np.int16], rate_hz: int) -> npt.NDArray[np.int16]:
    channels = []
    for resampler, samples in zip(resamplers, pcm, strict=True):
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[np.newaxis]), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        channels.append(_joined(resampler.resample(frame)))
    return np.stack(channels, axis=1)


def _flushed(resamplers: list[av.AudioResampler]) -> Iterator[npt.NDArray[np.int16]]:
    if resamplers:
        yield np.stack([_joined(resampler.resample(None)) for resampler in resamplers], axis=1)


def _joined(frames: list[AudioFrame]) -> npt.NDArray[np.int16]:
    return np.concatenate([np.empty(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)])


def _blocks(opened: _Source) -> Iterator[tuple[_Block, int]]:
    """Give the source's samples in large blocks, each with its rate; holes in the timestamps are filled with zeros."""
    fifo, kind = av.AudioFifo(), None
    clock = _Clock(opened)
    for frame in opened.frames():
        hole_s = clock.hole_before(frame)
        frame_kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if frame_kind != kind or hole_s:
            yield from _drained(fifo)
            fifo, kind = av.AudioFifo(), frame_kind
        if hole_s:
            yield from _silence(len(frame.layout.channels), frame.sample_rate, hole_s)
        frame.pts = None  # the FIFO would check them
        fifo.write(frame)
        if fifo.samples >= BLOCK_SAMPLES:
            yield from _drained(fifo)
    yield from _drained(fifo)


def _drained(fifo: av.AudioFifo) -> Iterator[tuple[_Block, int]]:
    frame = fifo.read(0, partial=True) if fifo.samples else None
    if frame is None:
        return
    array = frame.to_ndarray()
    planar = array if frame.format.is_planar else array.reshape(-1, len(frame.layout.channels)).T
    coding = frame.format.name.removesuffix("p")
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused as such
        block = planar.astype(np.float32)
    if coding == "u8":
        block -= SCALES[coding]
    if SCALES[coding] != 1:
        block *= np.float32(1 / SCALES[coding])
    yield block, frame.sample_rate


def _silence(channels: int, rate_hz: int, seconds: float) -> Iterator[tuple[_Block, int]]:
    remaining = round(seconds * rate_hz)
    while remaining > 0:
        samples = min(remaining, BLOCK_SAMPLES)
        yield np.zeros((channels, samples), np.float32), rate_hz
        remaining -= samples


class _Clock:
    """Holds timestamps against the sound that came so far."""

    def __init__(self, opened: _Source) -> None:
        """Let time begin where the container's does if there is a picture too, else with the first sound."""
        begins = opened.container.start_time if len(opened.container.streams) > 1 else None
        self._begin_s = None if begins is None else begins / av.time_base
        self._heard_s = 0.0

    def hole_before(self, frame: AudioFrame) -> float:
        """Seconds of silence to put before the frame: 0 if it follows what came before."""
        stamp_s = frame.time
        hole_s = 0.0
        if stamp_s is not None:
            if self._begin_s is None:
                self._begin_s = stamp_s
            hole_s = stamp_s - self._begin_s - self._heard_s
            if not -GAP_S < hole_s <= LONGEST_GAP_S:
                self._begin_s, hole_s = stamp_s - self._heard_s, 0.0
            elif hole_s < GAP_S:
                hole_s = 0.0
        self._heard_s += hole_s + frame.samples / frame.sample_rate
        return hole_s


def _unreadable(source: Path, found: str, *, remedy: str = "") -> NoReturn:
    raise UnreadableAudio(
        str(source),
        expected="a file with sound that FFmpeg's libraries decode",
        found=found,
        remedy=remedy or "Play it to see whether it is whole; copy or export it anew.",
    )
