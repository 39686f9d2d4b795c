"""Results as people and programs read them: a table, text, JSON, subtitle files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import errors, output
from asr_pipeline.domain.subtitle import SubtitleFormat
from asr_pipeline.storage.atomic import write_text
from asr_pipeline.storage.documents import transcript_json, transcript_text

if TYPE_CHECKING:
    from asr_pipeline.cli.process import Format
    from asr_pipeline.cli.running import Outcome
    from asr_pipeline.wiring.storage import Storage


def clock(seconds: float) -> str:
    """Give a time as m:ss.t, with hours where there are any."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def print_results(storage: "Storage", recording_ids: Sequence[str], formats: Sequence["Format"]) -> None:
    """Print each recording in each format."""
    for recording_id in recording_ids:
        for wanted in formats:
            if wanted == "table":
                output.print(utterance_table(storage, recording_id))
            else:
                print_plain(_texts(storage, recording_id, wanted))


def print_plain(texts: Iterable[tuple[str, str]]) -> None:
    """Print texts as they are, without wrapping or markup; where there are several, standard error tells which."""
    texts = list(texts)
    for suffix, text in texts:
        if len(texts) > 1:
            errors.print(f"── {suffix.removeprefix('.')}", style="dim", highlight=False)
        output.print(text, markup=False, highlight=False, soft_wrap=True)


def utterance_table(storage: "Storage", recording_id: str) -> Table:
    """Give a recording's utterances with times, English beside each language."""
    row = storage.store.rows([recording_id])[0]
    transcript, sets = storage.store.transcript(recording_id), storage.store.translations(recording_id)
    table = Table(
        title=f"{escape(row.recording.name)}   {row.duration_s or 0:.1f} s   {recording_id}", title_justify="left"
    )
    table.add_column("time", justify="right", style="dim", no_wrap=True)
    table.add_column("en", ratio=1)
    for translated in sets:
        table.add_column(translated.language, ratio=1, justify="right" if translated.language == "fa" else "left")
    texts = [{one.utterance_index: one.text for one in translated.translations} for translated in sets]
    for utterance in transcript.utterances if transcript else ():
        translations = (escape(text_of.get(utterance.index, "")) for text_of in texts)
        table.add_row(clock(utterance.start_s), escape(utterance.sentence), *translations)
    return table


def write_files(
    storage: "Storage", recording_ids: Sequence[str], formats: Sequence["Format"], folder: Path
) -> Iterator[Path]:
    """Write each recording in each format into a folder; names hold the recording's id, so that none meet."""
    folder.mkdir(parents=True, exist_ok=True)
    for recording_id in recording_ids:
        for wanted in formats:
            for suffix, text in _texts(storage, recording_id, wanted):
                path = folder / f"{recording_id}{suffix}"
                write_text(path, text)
                yield path


def as_json(storage: "Storage", outcome: "Outcome") -> dict[str, Any]:
    """Give what became of all files, for programs."""
    return {
        "recordings": [transcript_json(storage.store, recording_id) for recording_id in outcome.done],
        "failed": [{"name": name, "reason": reason} for name, reason in outcome.failed],
        "audio_s": round(outcome.audio_s, 3),
        "elapsed_s": round(outcome.elapsed_s, 3),
    }


def _texts(storage: "Storage", recording_id: str, wanted: "Format") -> Iterator[tuple[str, str]]:
    """Give (suffix, text) of each file of a format: one, or one a language."""
    import json  # noqa: PLC0415

    if wanted == "txt":
        yield ".txt", transcript_text(storage.store, recording_id)
    elif wanted == "json":
        text = json.dumps(transcript_json(storage.store, recording_id), ensure_ascii=False, indent=2)
        yield ".json", text
    else:
        for file in storage.store.subtitles(recording_id):
            if file.format == SubtitleFormat(wanted):
                path = storage.layout.absolute(file.path)
                yield f".{file.language}.{file.format}", path.read_text(encoding="utf-8")
