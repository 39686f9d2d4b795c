"""espeak-ng, called as a library: it tells where in the sound each word starts.

Debian: libespeak-ng1, espeak-ng-data. The program is GPL-3.0-or-later; what it says is used here, not its code.
The library holds one state a process, so each process speaks one utterance after another.
"""

import ctypes
from collections.abc import Iterator, Sequence

import numpy as np

from models.recipe.recognizer.voices.speech import Speech, SpeechError, Utterance, ends_from_starts, to_pcm

DEFAULT_WORDS_A_MINUTE = 160.0
DEFAULT_PITCH = 50.0

_LIBRARY = "libespeak-ng.so.1"
# names and numbers of speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_RATE, _PITCH = 1, 3
_POSITION_CHARACTER, _CHARACTERS_UTF8 = 1, 1
_EVENT_END, _EVENT_WORD = 0, 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """Voices are an accent (en is British) with a variant, such as en-us+f2."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(_LIBRARY)
        self._rate_hz = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, 0)
        self._sound: list[bytes] = []
        self._word_starts: list[tuple[int, int]] = []
        self._callback = _Callback(self._take)  # kept: the library calls it later
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Say each utterance. Settings: pace (words a minute), pitch (0 to 99)."""
        for utterance in utterances:
            yield self._say(utterance)

    def _say(self, utterance: Utterance) -> Speech:
        self._sound, self._word_starts = [], []
        if self._library.espeak_SetVoiceByName(utterance.voice.encode()):
            raise SpeechError(utterance, "no such voice")
        pace = utterance.settings.get("pace", DEFAULT_WORDS_A_MINUTE)
        self._library.espeak_SetParameter(_RATE, round(pace), 0)
        self._library.espeak_SetParameter(_PITCH, round(utterance.settings.get("pitch", DEFAULT_PITCH)), 0)
        text = utterance.text.encode()
        failed = self._library.espeak_Synth(
            text, len(text) + 1, 0, _POSITION_CHARACTER, 0, _CHARACTERS_UTF8, None, None
        )
        if failed or not self._sound:
            raise SpeechError(utterance, f"espeak_Synth gave {failed} and {len(self._sound)} pieces of sound")
        samples = np.frombuffer(b"".join(self._sound), dtype=np.int16).astype(np.float64)
        starts = word_starts(utterance.text, self._word_starts, self._rate_hz)
        return Speech(to_pcm(samples, self._rate_hz), ends_from_starts(starts, len(samples) / self._rate_hz))

    def _take(self, sound: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if count:  # no sound at the end
            self._sound.append(ctypes.string_at(sound, count * ctypes.sizeof(ctypes.c_short)))
        number = 0
        while events[number].type != _EVENT_END:
            if events[number].type == _EVENT_WORD:
                self._word_starts.append((events[number].text_position - 1, events[number].sample))
            number += 1
        return 0


def word_starts(text: str, events: Sequence[tuple[int, int]], rate_hz: int) -> list[float]:
    """Give each word's start in seconds from (character, sample) events.

    espeak-ng says some words as one ("of the"): a word without an event shares the start of the one before it.
    """
    starts: list[float] = []
    position = 0
    for word in text.split():
        begin = text.index(word, position)
        position = begin + len(word)
        told = [sample for character, sample in events if begin <= character < position]
        starts.append(told[0] / rate_hz if told else (starts[-1] if starts else 0.0))
    return starts
