"""The five assets: one step that streams recordings through the stages.

Why one step and not five chained assets: docs/adr/0002-one-step.md.
"""

import warnings
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from asr_pipeline.defs.checks import CHECKS
from asr_pipeline.defs.event_writer import EventWriter
from asr_pipeline.defs.failures import failure
from asr_pipeline.defs.lineage import is_automatic_retry, told_by_earlier_runs
from asr_pipeline.defs.listener import DagsterListener
from asr_pipeline.defs.own_process import note_interrupted, note_process
from asr_pipeline.defs.partitions import recordings
from asr_pipeline.defs.specs import SPECS
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import FlowListener, RunContext
from asr_pipeline.wiring.pipeline import Pipeline

RECORDINGS_PER_RUN = 200

with warnings.catch_warnings():  # beta in Dagster 1.13, and without an alternative
    warnings.simplefilter("ignore", dg.BetaWarning)
    backfill_policy = dg.BackfillPolicy.multi_run(RECORDINGS_PER_RUN)


class StagesConfig(dg.Config):
    """What a run works on, where it is not a range of partitions."""

    keys: list[str] = Field(
        default_factory=list,
        description="Recordings to work on, in a run that was started without partitions: any set, in one run.",
    )
    stages: list[str] = Field(
        default_factory=list,
        description="With keys: the stages to do, all that are selected if none is named. Such a run takes the whole "
        "job process_recordings: Dagster can't read what a part of the assets is made from without partitions.",
    )
    only_missing: bool = Field(
        default=False,
        description="Leave alone what is done; of the rest, compute only stages that are missing or out of date.",
    )


@dg.multi_asset(
    name="recording_stages",
    specs=SPECS,
    check_specs=[check.spec for check in CHECKS],
    can_subset=True,
    partitions_def=recordings,
    backfill_policy=backfill_policy,
)
def recording_stages(
    context: dg.AssetExecutionContext,
    config: StagesConfig,
    pipeline: dg.ResourceParam[Pipeline],
    progress: dg.ResourceParam[FlowListener],
) -> Iterator[dg.MaterializeResult[None]]:
    """Stream recordings through the stages that were asked for; each result is logged as soon as it is committed."""
    if not context.selected_asset_keys:
        raise dg.Failure(
            "Checks judge a result when it is made: materialize the asset that you want to have checked.",
            allow_retries=False,
        )
    note_process(context.instance, context.run)
    keys = config.keys or context.partition_keys
    selected = [Stage(key.to_user_string()) for key in context.selected_asset_keys]
    stages = [stage for stage in selected if not config.stages or stage in config.stages]
    run = RunContext(context.run.run_id, root_run_id=context.run.root_run_id or context.run.run_id)
    resume = is_automatic_retry(context.run)
    told = told_by_earlier_runs(context.instance, context.run) if resume else ()
    try:
        with EventWriter(context) as writer:
            listener = DagsterListener(context, writer, told, also=progress)
            report = pipeline.flow(listener, run).run(keys, stages, resume=resume, only_missing=config.only_missing)
    except dg.DagsterExecutionInterruptedError:
        note_interrupted(context.instance, context.run)
        raise
    finally:
        pipeline.note_run_ended()
    context.log.info("recordings done: %d, failed: %d", len(report.done), len(report.failed))
    if report.failed:
        raise failure(report.failed, len(keys))
    yield from ()  # what was materialized has been logged recording by recording
