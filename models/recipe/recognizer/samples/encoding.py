"""Samples into the format that a file's name asks for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

_CODECS = {".mp3": "libmp3lame", ".m4a": "aac", ".ogg": "libopus", ".flac": "flac"}


def encode(path: Path, samples: npt.NDArray[np.float64], rate_hz: int, bit_rate: int | None) -> None:
    """Write samples x channels in [-1, 1]; `bit_rate` in bits a second, for formats that lose something."""
    import av

    pcm = np.ascontiguousarray(np.round(samples * 32767).astype(np.int16))
    layout = "mono" if pcm.shape[1] == 1 else "stereo"
    with av.open(str(path), "w", options={"fflags": "bitexact"}) as container:  # the same bytes each time
        stream = container.add_stream(_CODECS[path.suffix], rate=rate_hz, layout=layout)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{path}: {_CODECS[path.suffix]} is no codec of sound")
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, stream.frame_size or 4096)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
