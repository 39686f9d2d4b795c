"""The limit: bare libvosk, a thread a core, over PCM in memory cut at the pipeline's pauses; then bare CTranslate2.

    python benchmarks/peers/limit.py FOLDER CUTS

CUTS: JSON {file name: [[start_s, end_s], ...]}. Prints JSON: seconds, and the words of each file. Reading the files
and loading the models are not in the time. Each distinct sentence is translated once.
"""

import json
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece
import soundfile
import vosk

REPOSITORY = Path(__file__).resolve().parents[2]
RECOGNIZER = REPOSITORY / "models" / "starter" / "vosk-model-starter-en"
TRANSLATOR = REPOSITORY / "models" / "starter" / "translate-en_fa-starter.argosmodel"
RATE_HZ, CHUNK_BYTES, BATCH_TOKENS, BEAM = 16_000, 8000, 2048, 1


def recognise(model: Any, pcm: bytes) -> list[str]:  # noqa: ANN401 - the bindings carry no types
    """Give the sentences of one cut."""
    recognizer = vosk.KaldiRecognizer(model, RATE_HZ)
    recognizer.SetWords(True)  # noqa: FBT003 - the bindings take it by position
    chunks = (pcm[start : start + CHUNK_BYTES] for start in range(0, len(pcm), CHUNK_BYTES))
    found = [recognizer.Result() for chunk in chunks if recognizer.AcceptWaveform(chunk)]
    found.append(recognizer.FinalResult())
    return [text for text in (json.loads(result)["text"] for result in found) if text]


def main(folder: Path, cuts: Path, threads: int) -> None:
    """Measure and print."""
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(RECOGNIZER))
    with tempfile.TemporaryDirectory() as unpacked:
        zipfile.ZipFile(TRANSLATOR).extractall(unpacked)
        package = next(Path(unpacked).glob("*/model")).parent
        tokenizer = sentencepiece.SentencePieceProcessor(str(package / "sentencepiece.model"))
        translator = ctranslate2.Translator(str(package / "model"), inter_threads=threads, intra_threads=1)
    pieces = []
    for name, times in json.loads(cuts.read_text()).items():
        pcm = soundfile.read(folder / name, dtype="int16")[0]
        pieces += [(name, pcm[round(a * RATE_HZ) : round(b * RATE_HZ)].tobytes()) for a, b in times]
    started, started_cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda piece: recognise(model, piece[1]), pieces))
    recognised_s = time.perf_counter() - started
    sentences = sorted({f"{text.capitalize()}." for texts in found for text in texts})
    tokens = tokenizer.encode(sentences, out_type=str)
    translator.translate_batch(tokens, max_batch_size=BATCH_TOKENS, batch_type="tokens", beam_size=BEAM)
    wall_s = time.perf_counter() - started
    words: dict[str, list[str]] = {}
    for (name, _), texts in zip(pieces, found, strict=True):
        words.setdefault(name, []).extend(texts)
    texts = {name: " ".join(parts) for name, parts in words.items()}
    cpu_s = time.process_time() - started_cpu
    print(json.dumps({"wall_s": wall_s, "recognised_s": recognised_s, "cpu_s": cpu_s, "texts": texts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else 2)
