"""What Dagster loads. `build_defs` is the one seam: tests and the command line override resources through it."""

import dagster as dg

from asr_pipeline.defs import schedules
from asr_pipeline.defs.assets import recording_stages
from asr_pipeline.defs.jobs import JOBS, executor
from asr_pipeline.defs.operations import ledger
from asr_pipeline.defs.report import nightly_report
from asr_pipeline.defs.resources import NoProgress, PipelineResource


def build_defs(**resources: object) -> dg.Definitions:
    """Give the definitions, with resources by name in place of the default ones."""
    return dg.Definitions(
        assets=[recording_stages, ledger, nightly_report],
        jobs=[*JOBS, schedules.report_job, schedules.clean_originals],
        schedules=schedules.SCHEDULES,
        resources={"pipeline": PipelineResource(), "progress": NoProgress(), **resources},
        executor=executor,
    )


defs = build_defs()
