"""MFCC as libvosk's front end computes them.

The options are those of conf/mfcc.conf (kaldi/model_directory.py writes both from here). Parity with libvosk itself
is a test: a network whose output is one coefficient makes libvosk tell what it computed.
"""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
FRAME_SHIFT_S = 0.01
COEFFICIENTS = 40
SUBSAMPLING = 3
"""Input frames to one output of the network."""

LOW_HZ = 20.0
HIGH_HZ = -400.0
"""Below Nyquist, as Kaldi's high-resolution MFCC."""

Samples = npt.NDArray[np.float32]
Frames = npt.NDArray[np.float32]


def mfcc(samples: Samples) -> Frames:
    """Turn samples in [-1, 1] at 16 kHz into frames x 40 coefficients, a frame each 10 ms, 25 ms wide."""
    import kaldi_native_fbank

    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE_HZ
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = COEFFICIENTS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ
    options.num_ceps = COEFFICIENTS
    options.use_energy = False
    extractor = kaldi_native_fbank.OnlineMfcc(options)
    scaled = np.clip(np.round(samples * 32768.0), -32768, 32767)  # libvosk sees 16-bit samples as they are
    extractor.accept_waveform(SAMPLE_RATE_HZ, scaled.tolist())
    extractor.input_finished()
    frames = [extractor.get_frame(number) for number in range(extractor.num_frames_ready)]
    return np.array(frames, dtype=np.float32).reshape(len(frames), COEFFICIENTS)
