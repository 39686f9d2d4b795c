"""Naive Dagster: a run a recording, four chained assets, the default executor; two runs at a time.

    python benchmarks/peers/naive_dagster.py FOLDER

As with the default launcher, each run is a process of its own, and so is each of its steps. Prints JSON: seconds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
from limit import RECOGNIZER, TRANSLATOR, recognise

FOLDER_VARIABLE = "NAIVE_FOLDER"
RUNS_AT_ONCE = 2
FILES = sorted(Path(os.environ[FOLDER_VARIABLE]).iterdir()) if FOLDER_VARIABLE in os.environ else []
files = dg.StaticPartitionsDefinition([file.name for file in FILES])


@dg.asset(partitions_def=files)
def raw_audio(context: dg.AssetExecutionContext) -> bytes:
    """Decode."""
    import soundfile  # noqa: PLC0415 - in the step's process

    samples, _ = soundfile.read(Path(os.environ[FOLDER_VARIABLE]) / context.partition_key, dtype="int16")
    return bytes(samples.tobytes())


@dg.asset(partitions_def=files)
def transcripts(raw_audio: bytes) -> list[str]:
    """Recognise."""
    import vosk  # noqa: PLC0415

    vosk.SetLogLevel(-1)
    return recognise(vosk.Model(str(RECOGNIZER)), raw_audio)


@dg.asset(partitions_def=files)
def translations(transcripts: list[str]) -> list[str]:
    """Translate."""
    import zipfile  # noqa: PLC0415

    import ctranslate2  # noqa: PLC0415
    import sentencepiece  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as unpacked:
        zipfile.ZipFile(TRANSLATOR).extractall(unpacked)
        package = next(Path(unpacked).glob("*/model")).parent
        tokenizer = sentencepiece.SentencePieceProcessor(str(package / "sentencepiece.model"))
        translator = ctranslate2.Translator(str(package / "model"))
        tokens = tokenizer.encode(transcripts, out_type=str)
        found = translator.translate_batch(tokens, beam_size=1) if tokens else []
        return [tokenizer.decode(one.hypotheses[0]) for one in found]


@dg.asset(partitions_def=files)
def subtitles(transcripts: list[str], translations: list[str]) -> str:
    """Put the texts side by side."""
    return "\n\n".join(f"{english}\n{persian}" for english, persian in zip(transcripts, translations, strict=True))


defs = dg.Definitions(assets=[raw_audio, transcripts, translations, subtitles])


def run(name: str, environment: dict[str, str]) -> None:
    """Materialize one recording in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "asset", "materialize", "-f", __file__]
    command += ["--select", "*", "--partition", name]
    subprocess.run(command, check=True, env=environment, capture_output=True, cwd=Path(__file__).parent)


def main(folder: Path) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        environment = os.environ | {"DAGSTER_HOME": home, FOLDER_VARIABLE: str(folder)}
        names = [file.name for file in sorted(folder.iterdir())]
        started = time.perf_counter()
        run(names[0], environment)  # makes Dagster's tables: two that do so at once would meet an error
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            list(pool.map(lambda name: run(name, environment), names[1:]))
        print(json.dumps({"wall_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
