"""`asr-pipeline demo`: the main job on the sample recordings that come with the program."""

from importlib.resources import files
from pathlib import Path

from rich.markup import escape

from asr_pipeline.cli.console import output, program
from asr_pipeline.cli.process import process_files
from asr_pipeline.cli.running import report_failures
from asr_pipeline.domain.errors import SetupError
from asr_pipeline.settings import CLONE, load_settings
from asr_pipeline.storage.searching import audio_files


def samples_dir() -> Path:
    """Give the folder of the sample recordings: inside an installed package, or the clone's `data/samples`."""
    packaged = Path(str(files("asr_pipeline") / "_samples"))
    samples = packaged if packaged.is_dir() else CLONE / "data" / "samples"
    if not samples.is_dir():
        raise SetupError(
            str(samples),
            expected="the sample recordings",
            found="no such folder",
            remedy="Install the package anew, or `asr-pipeline process FILE` on your own recordings.",
        )
    return samples


def demo() -> None:
    """Transcribe and translate the sample recordings, and say where everything lies.

    Example: `asr-pipeline demo`
    """
    from asr_pipeline.cli import rendering  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    samples = list(audio_files([samples_dir()]))
    output.print(f"Transcribing and translating {len(samples)} sample recordings …")
    with open_pipeline(load_settings()) as pipeline:
        outcome = process_files(pipeline, samples, again=True)
        for recording_id in outcome.done:
            output.print(rendering.utterance_table(pipeline, recording_id))
        layout = pipeline.layout
        output.print(
            f"\n[bold]{outcome.audio_s:.1f} s of audio in {outcome.elapsed_s:.1f} s[/], models loaded included.\n"
            f"Subtitles:                      {escape(str(layout.results))}\n"
            f"Transcripts and translations:   {escape(pipeline.database_name)}\n"
            f"One of them, as text or JSON:   {program()} show ID -f txt\n"
            f"Your own recordings:            {program()} process FILE …\n"
            f"These results in Dagster's UI:  {program()} up",
            highlight=False,
            soft_wrap=True,
        )
    report_failures(outcome)
