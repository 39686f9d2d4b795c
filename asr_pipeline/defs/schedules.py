"""Schedules: what happens by itself, and when. Each can be run by hand in the UI too."""

import datetime as dt

import dagster as dg

from asr_pipeline.defs import backlog
from asr_pipeline.defs.jobs import executor, process_recordings
from asr_pipeline.defs.operations import ledger
from asr_pipeline.defs.quarantine import quarantine
from asr_pipeline.defs.report import nightly_report
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.retention import remove_old_originals
from asr_pipeline.storage.retries import due_for_retry
from asr_pipeline.wiring.storage import open_storage

RETRIES_AT_ONCE = 200


@dg.schedule(
    job=process_recordings,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Tries again what failed transiently: after ten minutes, then ever more rarely, up to once a day.",
)
def retry_failed(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request one run for the failed recordings that are due and that no run works on."""
    now = dt.datetime.now(dt.UTC)
    with open_storage(load_settings()) as storage:
        due = due_for_retry(storage.database, now)
    busy = backlog.unfinished(context.instance)
    ids = [recording_id for recording_id in due if recording_id not in busy][:RETRIES_AT_ONCE]
    if not ids:
        return dg.SkipReason(f"Nothing is due to be tried again ({len(due)} due, all of them in runs).")
    return backlog.run_request(context.instance, ids)


report_job = dg.define_asset_job(
    "report",
    selection=dg.AssetSelection.assets(nightly_report, ledger, quarantine),
    description="How the house stands: counts, hours, confidence, disk; is anything lost; what is in quarantine.",
    executor_def=executor,
)
report_each_night = dg.ScheduleDefinition(
    name="report_each_night",
    job=report_job,
    cron_schedule="0 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Makes the nightly report, at two o'clock (UTC).",
)


@dg.op(description="Removes originals that are older than ASR_PIPELINE_KEEP_ORIGINALS_DAYS and no longer needed.")
def remove_originals(context: dg.OpExecutionContext) -> dg.Output[None]:
    """Remove them, and tell how many and how much."""
    settings = load_settings()
    removed: list[tuple[str, int]] = []
    if settings.keep_originals_days is not None:
        before = dt.datetime.now(dt.UTC) - dt.timedelta(days=settings.keep_originals_days)
        with open_storage(settings) as storage:
            removed.extend(
                remove_old_originals(
                    storage.database,
                    storage.layout,
                    done_before=before,
                    in_use=backlog.unfinished(context.instance),
                )
            )
    for recording_id, size_bytes in removed:
        context.log.info("removed the original of %s, %d bytes", recording_id, size_bytes)
    return dg.Output(
        None,
        metadata={
            "originals": len(removed),
            "freed_gib": round(sum(size for _, size in removed) / 2**30, 3),
            "kept_for_days": str(settings.keep_originals_days or "good"),
        },
    )


@dg.job(executor_def=executor, description="Removes originals that retention no longer asks for.")
def clean_originals() -> None:
    """Remove originals."""
    remove_originals()


clean_each_night = dg.ScheduleDefinition(
    name="clean_originals_each_night",
    job=clean_originals,
    cron_schedule="30 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes originals past ASR_PIPELINE_KEEP_ORIGINALS_DAYS; never while anything still needs them.",
)

SCHEDULES = [retry_failed, report_each_night, clean_each_night]
