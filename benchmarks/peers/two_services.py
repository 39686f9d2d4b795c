"""A small, faithful model of the two services that this project replaces.

    python benchmarks/peers/two_services.py FOLDER

A message a stage (here: queues in one process, which costs less than a broker); ffmpeg cuts a recording every 30 s
into files, wherever that falls; a thread pool recognises them; the texts are joined in the order in which they come
back; the whole text goes to the translator as one; a row a stage. Prints JSON: seconds, and the text of each file.
"""

import json
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import wave
import zipfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece
import vosk
from limit import CHUNK_BYTES, RATE_HZ, RECOGNIZER, TRANSLATOR

CUT_S, THREADS = 30, 2
Messages = queue.SimpleQueue[tuple[str, str] | None]


def cut(file: Path, folder: Path) -> list[Path]:
    """Cut into files of 30 s."""
    pattern = str(folder / f"{file.stem}-%04d.wav")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(file), "-ar", str(RATE_HZ), "-ac", "1"]
    subprocess.run([*command, "-f", "segment", "-segment_time", str(CUT_S), pattern], check=True)
    return sorted(folder.glob(f"{file.stem}-*.wav"))


def recognise(model: Any, piece: Path) -> str:  # noqa: ANN401 - the bindings carry no types
    """Recognise a file."""
    recognizer = vosk.KaldiRecognizer(model, RATE_HZ)
    texts = []
    with wave.open(str(piece)) as source:
        while data := source.readframes(CHUNK_BYTES // 2):
            if recognizer.AcceptWaveform(data):
                texts.append(json.loads(recognizer.Result())["text"])
    return " ".join([*texts, json.loads(recognizer.FinalResult())["text"]])


def speech_service(uploaded: Messages, transcribed: Messages, rows: sqlite3.Connection) -> None:
    """Take a message, and its recording through recognition."""
    model = vosk.Model(str(RECOGNIZER))
    with ThreadPoolExecutor(THREADS) as pool:
        while message := uploaded.get():
            name, path = message
            with tempfile.TemporaryDirectory() as folder:
                pieces = [pool.submit(recognise, model, piece) for piece in cut(Path(path), Path(folder))]
                text = " ".join(piece.result() for piece in as_completed(pieces))
            with rows:
                rows.execute("INSERT INTO transcripts VALUES (?, ?)", (name, text))
            transcribed.put((name, text))
    transcribed.put(None)


def translation_service(transcribed: Messages, rows: sqlite3.Connection) -> None:
    """Take a message, and translate its text."""
    with tempfile.TemporaryDirectory() as unpacked:
        zipfile.ZipFile(TRANSLATOR).extractall(unpacked)
        package = next(Path(unpacked).glob("*/model")).parent
        tokenizer = sentencepiece.SentencePieceProcessor(str(package / "sentencepiece.model"))
        translator = ctranslate2.Translator(str(package / "model"), intra_threads=1)
    while message := transcribed.get():
        name, text = message
        translated = translator.translate_batch([tokenizer.encode(text, out_type=str)], beam_size=4)
        with rows:
            rows.execute("INSERT INTO translations VALUES (?, ?)", (name, " ".join(translated[0].hypotheses[0])))


def main(folder: Path) -> None:
    """Measure and print."""
    vosk.SetLogLevel(-1)
    started = time.perf_counter()
    uploaded: Messages = queue.SimpleQueue()
    transcribed: Messages = queue.SimpleQueue()
    with tempfile.TemporaryDirectory() as database:
        rows = sqlite3.connect(Path(database) / "rows.db", check_same_thread=False)
        rows.execute("CREATE TABLE transcripts (name, text)")
        rows.execute("CREATE TABLE translations (name, text)")
        services = [
            threading.Thread(target=speech_service, args=(uploaded, transcribed, rows)),
            threading.Thread(target=translation_service, args=(transcribed, rows)),
        ]
        for service in services:
            service.start()
        for file in sorted(folder.iterdir()):
            uploaded.put((file.name, str(file)))
        uploaded.put(None)
        for service in services:
            service.join()
        texts = dict(rows.execute("SELECT name, text FROM transcripts"))
        rows.close()
    print(json.dumps({"wall_s": time.perf_counter() - started, "texts": texts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
