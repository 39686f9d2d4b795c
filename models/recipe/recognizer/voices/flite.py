"""Flite, called as a library: the utterance that it builds knows where each word's first phone starts.

Debian: libflite1. Flite and its voices have permissive licences of the BSD kind.
"""

import ctypes
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from models.recipe.recognizer.voices.speech import Speech, SpeechError, Utterance, join_tokens, to_pcm

VOICES = ("slt", "rms", "awb", "kal16")
STRETCHABLE = frozenset({"rms", "kal16"})
"""Voices that heed duration_stretch."""
SHIFTABLE = frozenset({"slt", "awb", "kal16"})
"""Voices that heed f0_shift, a factor of their pitch."""

_WORD_START = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
_WORD_END = b"R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("sample_count", ctypes.c_int),
        ("channel_count", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class Flite:
    """Voices of CMU: slt, rms, awb (built from recordings of people), kal16 (diphones)."""

    def __init__(self) -> None:
        self._library = _library()

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Say each utterance. Settings: stretch (factor of duration), shift (factor of pitch)."""
        for utterance in utterances:
            yield self._say(utterance)

    def _say(self, utterance: Utterance) -> Speech:
        voice = _voice(utterance.voice)
        features = ctypes.cast(voice, ctypes.POINTER(ctypes.c_void_p))[1]  # struct cst_voice: name, features, …
        for feature, setting in ((b"duration_stretch", "stretch"), (b"f0_shift", "shift")):
            value = utterance.settings.get(setting, 1.0)
            self._library.flite_feat_set_float(features, feature, value)
        spoken = self._library.flite_synth_text(utterance.text.encode(), voice)
        if not spoken:
            raise SpeechError(utterance, "flite_synth_text gave nothing")
        try:
            wave = ctypes.cast(self._library.utt_wave(spoken), ctypes.POINTER(_Wave)).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.sample_count,)).astype(np.float64)
            return Speech(to_pcm(samples, wave.sample_rate), self._words(spoken, utterance))
        finally:
            self._library.delete_utterance(spoken)

    def _words(self, spoken: int, utterance: Utterance) -> tuple[tuple[float, float], ...]:
        tokens = []
        item = self._library.relation_head(self._library.utt_relation(spoken, b"Word"))
        while item:
            name = self._library.flite_ffeature_string(item, b"name").decode()
            start, end = (float(self._library.flite_ffeature_float(item, path)) for path in (_WORD_START, _WORD_END))
            tokens.append((name, start, end))
            item = self._library.item_next(item)
        words = join_tokens(utterance.text, tokens)
        if len(words) != len(utterance.text.split()):
            raise SpeechError(utterance, f"it said {' '.join(name for name, _, _ in tokens)}")
        return words


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
    for name in ("usenglish", "cmulex"):
        ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_synth_text", pointer, (text, pointer)),
        ("utt_relation", pointer, (pointer, text)),
        ("relation_head", pointer, (pointer,)),
        ("item_next", pointer, (pointer,)),
        ("flite_ffeature_float", ctypes.c_float, (pointer, text)),
        ("flite_ffeature_string", text, (pointer, text)),
        ("flite_feat_set_float", None, (pointer, text, ctypes.c_float)),
        ("utt_wave", pointer, (pointer,)),
        ("delete_utterance", None, (pointer,)),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    library.flite_init()
    return library


@cache
def _voice(name: str) -> int:
    library = ctypes.CDLL(f"libflite_cmu_us_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
    register = getattr(library, f"register_cmu_us_{name}")
    register.restype = ctypes.c_void_p
    register.argtypes = (ctypes.c_char_p,)
    voice: int = register(None)
    return voice
