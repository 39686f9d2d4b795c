"""Runs that fail are told to the same addresses as recordings are, signed and tried again alike (`defs.webhooks`).

A recording that fails is told by itself. This is about what nobody would hear of otherwise: a run that could not begin,
or whose process died.
"""

import datetime as dt

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from asr_pipeline.domain.webhook import RunFailure
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable
from asr_pipeline.storage.webhooks import SqlWebhooks
from asr_pipeline.wiring.storage import open_storage

WILL_RETRY_TAG = "dagster/will_retry"  # Dagster exports no name for it
REASON_MAX_CHARS = 2000


@dg.run_failure_sensor(
    name="run_failed",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=True,  # runs of the command line and of the gateway are of none
    description="Notes failed runs for ASR_PIPELINE_WEBHOOK_URLS; the sensor webhooks tells them.",
)
def run_failed(context: dg.RunFailureSensorContext) -> None:
    """Note a failed run. Each is seen once; those of before the first look are not told."""
    settings = load_settings()
    if not settings.webhook_urls:
        return
    run, now = context.dagster_run, dt.datetime.now(dt.UTC)
    failure = RunFailure(
        run_id=run.run_id,
        job=run.job_name,
        reason=storable(_reason(context))[:REASON_MAX_CHARS],
        will_retry=run.tags.get(WILL_RETRY_TAG) == "true",
        failed_at=dt.datetime.fromtimestamp(_failed_at_s(context), dt.UTC),
    )
    with open_storage(settings) as storage:
        SqlWebhooks(storage.database).note_run_failure(settings.webhook_urls, failure, now)


def _reason(context: dg.RunFailureSensorContext) -> str:
    """Give what the failed steps say of themselves; where none did, what stopped the run as a whole."""
    events = [*context.get_step_failure_events(), context.failure_event]
    errors = [getattr(event.event_specific_data, "error", None) for event in events]
    causes = [_innermost(error) for error in errors if error is not None]
    told = dict.fromkeys(f"{cause.cls_name}: {cause.message.strip()}" for cause in causes)
    return "; ".join(told) or context.failure_event.message or ""


def _innermost(error: SerializableErrorInfo) -> SerializableErrorInfo:
    """Give our own error from under those that Dagster wraps around it."""
    return error if error.cause is None else _innermost(error.cause)


def _failed_at_s(context: dg.RunFailureSensorContext) -> float:
    record = context.instance.get_run_record_by_id(context.dagster_run.run_id)
    return (record.end_time if record else None) or dt.datetime.now(dt.UTC).timestamp()
