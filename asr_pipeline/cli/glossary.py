"""`asr-pipeline glossary`: terms that translations must use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import errors, output, write_json
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.glossary import folded, glossary_entry
from asr_pipeline.domain.translation import DEFAULT_TARGET_LANGUAGE, SOURCE_LANGUAGE
from asr_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(
    help="Terms that translations must use: names, products, words of a trade.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Language = Annotated[str, typer.Option(metavar="CODE", help="Language that the terms are translated into.")]


@app.command("add")
def add(
    term: Annotated[str, typer.Argument(metavar="EN", help="What is said, in English.")],
    translation: Annotated[str, typer.Argument(metavar="FA", help="What it must become.")],
    *,
    language: Language = DEFAULT_TARGET_LANGUAGE,
) -> None:
    """Add a term, or give it another translation; says which translations are stale by that.

    Example: `asr-pipeline glossary add "train station" "ایستگاه راه‌آهن"`
    """
    from asr_pipeline.storage.glossary import SqlGlossary  # noqa: PLC0415 - `--help` should not wait for SQL

    settings = load_settings()
    _check_language(language)
    entry = glossary_entry(term, translation, language)
    with _database(settings) as database:
        SqlGlossary(database).put([entry], SOURCE_LANGUAGE, language)
        _say(f"{entry.term} → {entry.translation}")
        _tell_what_is_stale(database, settings, language)


@app.command("remove")
def remove(
    term: Annotated[str, typer.Argument(metavar="EN", help="The term, as `glossary list` names it.")],
    *,
    language: Language = DEFAULT_TARGET_LANGUAGE,
) -> None:
    """Remove a term; says which translations are stale by that.

    Example: `asr-pipeline glossary remove "train station"`
    """
    from asr_pipeline.storage.glossary import SqlGlossary  # noqa: PLC0415 - as above

    settings = load_settings()
    _check_language(language)
    wanted = " ".join(folded(term).split())
    with _database(settings) as database:
        if not SqlGlossary(database).remove([wanted], SOURCE_LANGUAGE, language):
            raise SettingInvalid(
                repr(term),
                expected=f"a term of the glossary into {language}",
                found="none of that name",
                remedy="`asr-pipeline glossary list` names them.",
            )
        _say(f"{wanted} was removed")
        _tell_what_is_stale(database, settings, language)


@app.command("list")
def list_terms(
    *,
    language: Language = DEFAULT_TARGET_LANGUAGE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the terms and what they become.

    Example: `asr-pipeline glossary list --json`
    """
    from asr_pipeline.storage.glossary import SqlGlossary  # noqa: PLC0415 - as above

    _check_language(language)
    with _database(load_settings()) as database:
        entries = SqlGlossary(database).entries(SOURCE_LANGUAGE, language)
    if as_json:
        write_json([{"term": one.term, "translation": one.translation, "language": language} for one in entries])
        return
    table = Table(SOURCE_LANGUAGE, language)
    for one in entries:
        table.add_row(escape(one.term), escape(one.translation))
    output.print(table if entries else "No terms yet: `asr-pipeline glossary add EN FA`")


@app.command("import")
def import_terms(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or TSV of two columns: term, translation.")],
    *,
    language: Language = DEFAULT_TARGET_LANGUAGE,
) -> None:
    """Add the terms of a file, all or none; says which translations are stale by that.

    Example: `asr-pipeline glossary import products.csv`
    """
    from asr_pipeline.storage.glossary import SqlGlossary  # noqa: PLC0415 - as above
    from asr_pipeline.storage.glossary_files import read_glossary  # noqa: PLC0415

    settings = load_settings()
    _check_language(language)
    entries = read_glossary(file, language)
    with _database(settings) as database:
        SqlGlossary(database).put(entries, SOURCE_LANGUAGE, language)
        _say(f"{len({entry.term for entry in entries}):,} terms of {file}")
        _tell_what_is_stale(database, settings, language)


@contextmanager
def _database(settings: Settings) -> "Iterator[Engine]":
    """Open the database alone: no model is needed."""
    from asr_pipeline.storage.database import upgrade  # noqa: PLC0415 - as above
    from asr_pipeline.storage.layout import Layout  # noqa: PLC0415
    from asr_pipeline.wiring.storage import connect  # noqa: PLC0415

    Layout(settings.data_dir).ensure()
    database = connect(settings)
    try:
        upgrade(database)
        yield database
    finally:
        database.dispose()


def _tell_what_is_stale(database: "Engine", settings: Settings, language: str) -> None:
    from asr_pipeline.storage.glossary import recordings_with_changed_glossary  # noqa: PLC0415 - as above

    count = len(recordings_with_changed_glossary(database, SOURCE_LANGUAGE, language))
    if count:
        recordings = "1 recording" if count == 1 else f"{count:,} recordings"
        _say(
            f"Translations of {recordings} into {language} are stale: `asr-pipeline backfill --stale` makes them anew."
        )
    else:
        _say(f"No translation into {language} is stale.")
    if language not in settings.target_languages:
        errors.print(
            f"{language} is not among ASR_PIPELINE_TARGET_LANGUAGES: nothing is translated into it.", soft_wrap=True
        )


def _check_language(code: str) -> None:
    if not (code.isascii() and code.isalpha() and code.islower() and 2 <= len(code) <= 3):  # noqa: PLR2004
        raise SettingInvalid(
            "--language", expected="an ISO 639 code such as 'fa'", found=repr(code), remedy="Give the language's code."
        )


def _say(text: str) -> None:
    output.print(text, markup=False, highlight=False, soft_wrap=True)
