"""Notes' translations, as an asset: a partition a note, many notes in a run, whichever languages were asked for."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from pydantic import Field

from asr_pipeline.defs.assets import backfill_policy
from asr_pipeline.defs.backlog import unfinished_runs
from asr_pipeline.defs.failures import failure
from asr_pipeline.defs.instance import execute
from asr_pipeline.defs.jobs import executor
from asr_pipeline.defs.listener import CODE_VERSION_TAG, DATA_VERSION_IS_OURS_TAG, DATA_VERSION_TAG
from asr_pipeline.defs.metadata import side_by_side
from asr_pipeline.defs.own_process import note_process
from asr_pipeline.defs.partitions import notes
from asr_pipeline.domain.bidi import clean
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.note import NoteWork
from asr_pipeline.domain.sentences import divide, sentences
from asr_pipeline.steps.notes import TranslatedNote
from asr_pipeline.wiring.pipeline import Pipeline
from asr_pipeline.wiring.storage import Storage

GROUP = "notes"
OWNERS = ["team:speech"]
ASSET = "note_translations"
STEP = "translated_notes"  # no job may have the name of a step
CODE_VERSION = "1"
NOTES_PER_RUN = 200
LONGEST_FOREIGN_RUN = dt.timedelta(hours=1)
PREVIEW_SENTENCES = 5
_MARKUP = re.compile(r"[\\`*_\[\]<>!#~&]")

SPEC = dg.AssetSpec(
    ASSET,
    description="Notes in the languages that were asked for, sentence by sentence; translated by Argos Translate's "
    "models on CTranslate2.",
    group_name=GROUP,
    kinds={"argos", "ctranslate2", "sql"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    metadata={
        "dagster/table_name": "note_translations",
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn("language", type="text", description="ISO code"),
                dg.TableColumn("status", type="text", description="pending, running, done, failed or outdated"),
                dg.TableColumn("text", type="text", description="the translation, where it is done"),
            ]
        ),
    },
    partitions_def=notes,
    skippable=True,
)


class NotesConfig(dg.Config):
    """What a run works on, where it is not a range of partitions."""

    keys: list[str] = Field(
        default_factory=list,
        description="Notes to work on, in a run that was started without partitions: any set, in one run.",
    )
    only_pending: bool = Field(
        default=False,
        description="Make what is pending alone; else all that was ever asked for of these notes is made anew.",
    )


@dg.multi_asset(name=STEP, specs=[SPEC], partitions_def=notes, backfill_policy=backfill_policy)
def translated_notes(
    context: dg.AssetExecutionContext, config: NotesConfig, pipeline: dg.ResourceParam[Pipeline]
) -> Iterator[dg.MaterializeResult[None]]:
    """Translate what was asked for of some notes; each result is logged as soon as it is committed."""
    note_process(context.instance, context.run)
    keys = config.keys or context.partition_keys
    release_dead(context.instance, pipeline)
    if not config.only_pending:
        pipeline.note_work.ask_again(keys)
    listener = _Listener(context)
    try:
        report = pipeline.note_flow(listener, context.run.run_id).run(keys)
    finally:
        pipeline.note_run_ended()
    context.log.info("translations done: %d, failed: %d", len(report.done), len(report.failed))
    if report.failed:
        failed = {f"{work.note_id} ({work.target})": error for work, error in report.failed.items()}
        raise failure(failed, len(report.done) + len(failed), "translation")
    yield from ()  # what was materialized has been logged note by note


translate_notes_job = dg.define_asset_job(
    "translate_notes",
    selection=[ASSET],
    description="Translations of notes that were asked for.",
    executor_def=executor,
)


def release_dead(instance: dg.DagsterInstance, storage: Storage) -> None:
    """Release what runs that are gone had in work.

    Of a run that this instance does not know (another machine's, which shares the database) nobody here can say that:
    it is taken for gone after a long time.
    """
    if not (at_work := storage.note_work.at_work()):
        return
    living = {run.run_id for run in unfinished_runs(instance)}  # asked after what is at work: it is at least as new
    long_ago = dt.datetime.now(dt.UTC) - LONGEST_FOREIGN_RUN
    dead = [
        run_id
        for run_id, asked_at in at_work.items()
        if run_id not in living and (asked_at < long_ago or instance.has_run(run_id))
    ]
    storage.note_work.release(dead)


def run_config(note_ids: Sequence[str], instance: dg.DagsterInstance) -> dict[str, object]:
    """Give the configuration of a run's steps over what is pending of notes, whose partitions are made.

    By keys, not as a range of partitions: a note may be deleted at any moment, and its partition with it.
    """
    instance.add_dynamic_partitions(str(notes.name), list(note_ids))
    return {STEP: {"config": {"keys": list(note_ids), "only_pending": True}}}


def forget(instance: dg.DagsterInstance, note_id: str) -> None:
    """Take away the partition of a note that is no more; where it never had one, nothing happens."""
    instance.delete_dynamic_partition(str(notes.name), note_id)


def run_notes_in_process(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    note_ids: Sequence[str],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Translate what is pending of notes, in this process; what can't be translated is in the store, with why."""
    execute(job, instance, tags or {}, run_config(note_ids, instance))


class _Listener:
    """Implements `steps.notes.NoteListener`: a materialization a translation, durable at once."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context

    def translated(self, note: TranslatedNote) -> None:
        """Log the materialization."""
        self._context.log_event(materialization(note))

    def failed(self, work: NoteWork, error: PipelineError) -> None:
        """Log the reason; the run names all failures again at its end."""
        self._context.log.error("note %s could not be translated into %s: %s", work.note_id, work.target, error)


def materialization(note: TranslatedNote) -> dg.AssetMaterialization:
    """Give what Dagster keeps of a translation: its first sentences beside the original's, and what made it."""
    work, version = note.work, note.version
    parts = [work.text, work.source, work.target, version.engine, version.model, version.version, CODE_VERSION]
    originals, translations = sentences(divide(work.text)), note.sentences
    rows = [list(map(_plain, row)) for row in zip(originals, translations, strict=True)][:PREVIEW_SENTENCES]
    return dg.AssetMaterialization(
        asset_key=ASSET,
        partition=work.note_id,
        metadata={
            "preview": dg.MetadataValue.md(side_by_side([work.source, work.target], rows)),
            "title": dg.MetadataValue.text(work.title),
            "language": dg.MetadataValue.text(work.target),
            "sentences": dg.MetadataValue.int(len(originals)),
            "text_version": dg.MetadataValue.int(work.text_version),
            "model": dg.MetadataValue.text(f"{version.engine}: {version.model} {version.version}"),
        },
        tags={
            DATA_VERSION_TAG: hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
            DATA_VERSION_IS_OURS_TAG: "true",
            CODE_VERSION_TAG: CODE_VERSION,
        },
    )


def _plain(text: str) -> str:
    """Give a line that Markdown shows as it is: strangers write notes, and an operator looks at the preview."""
    return _MARKUP.sub(r"\\\g<0>", clean(text))
