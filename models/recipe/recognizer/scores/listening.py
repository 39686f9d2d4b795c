"""What libvosk hears in a recording."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.pronunciations import UNKNOWN_WORD

_CHUNK_BYTES = 8_000


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognised word: seconds from the recording's start, and confidence from 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float

    @property
    def is_unknown(self) -> bool:
        """Tell whether libvosk says that it does not know this word."""
        return self.text == UNKNOWN_WORD


class Listener:
    """A model directory, loaded by libvosk."""

    def __init__(self, model_dir: Path) -> None:
        import vosk

        vosk.SetLogLevel(-1)
        self._vosk = vosk
        self._model = vosk.Model(str(model_dir))

    def listen(self, pcm: npt.NDArray[np.int16], rate_hz: int) -> list[HeardWord]:
        """Recognise a recording of one channel."""
        recognizer = self._vosk.KaldiRecognizer(self._model, rate_hz)
        recognizer.SetWords(True)  # noqa: FBT003 - the vendor's signature
        words: list[HeardWord] = []
        sound = pcm.astype("<i2").tobytes()
        for begin in range(0, len(sound), _CHUNK_BYTES):
            if recognizer.AcceptWaveform(sound[begin : begin + _CHUNK_BYTES]):
                words += _words(recognizer.Result())
        return words + _words(recognizer.FinalResult())


def _words(result: str) -> list[HeardWord]:
    found: list[dict[str, Any]] = json.loads(result).get("result", [])
    return [HeardWord(word["word"], word["start"], word["end"], word["conf"]) for word in found]
