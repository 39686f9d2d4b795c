"""What Dagster loads. `build_defs` is the one seam: tests and the command line override resources through it."""

import dagster as dg

from asr_pipeline.defs import schedules
from asr_pipeline.defs.assets import recording_stages
from asr_pipeline.defs.jobs import JOBS, executor
from asr_pipeline.defs.note_sensor import pending_notes
from asr_pipeline.defs.notes import translate_notes_job, translated_notes
from asr_pipeline.defs.operations import ledger
from asr_pipeline.defs.quarantine import quarantine, quarantine_is_empty
from asr_pipeline.defs.report import nightly_report
from asr_pipeline.defs.resources import NoProgress, PipelineResource
from asr_pipeline.defs.run_failures import run_failed
from asr_pipeline.defs.sensors import SENSORS
from asr_pipeline.defs.webhooks import webhooks
from asr_pipeline.wiring.logs import set_up_logs_of_dagster


def build_defs(**resources: object) -> dg.Definitions:
    """Give the definitions, with resources by name in place of the default ones."""
    return dg.Definitions(
        assets=[recording_stages, translated_notes, ledger, quarantine, nightly_report],
        asset_checks=[quarantine_is_empty],
        jobs=[*JOBS, translate_notes_job, schedules.report_job, schedules.clean_originals],
        schedules=schedules.SCHEDULES,
        sensors=[*SENSORS, pending_notes, webhooks, run_failed],
        resources={"pipeline": PipelineResource(), "progress": NoProgress(), **resources},
        executor=executor,
    )


set_up_logs_of_dagster()
defs = build_defs()
