"""The sensor that asks for translations of notes that nobody has in work: a gateway died, or they failed for a time.

A living gateway translates at once what is asked of it (`lane.py`); what it has not begun soon is asked for here.
"""

import datetime as dt

import dagster as dg

from asr_pipeline.defs.backlog import covered, unfinished_runs
from asr_pipeline.defs.notes import NOTES_PER_RUN, STEP, release_dead, run_config, translate_notes_job
from asr_pipeline.defs.partitions import notes
from asr_pipeline.defs.sensor_pauses import ASKED_BY_TAG, pause_after_vain_runs
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable
from asr_pipeline.wiring.storage import open_storage

LEFT_TO_THE_GATEWAY = dt.timedelta(seconds=10)


@dg.sensor(
    name="pending_notes",
    job=translate_notes_job,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for translations of notes that are pending and that no gateway has taken on.",
)
def pending_notes(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run over what waits, and for the next when that has ended."""
    instance = context.instance
    try:
        with open_storage(load_settings()) as storage:
            release_dead(instance, storage)
            waiting = storage.note_work.waiting(dt.datetime.now(dt.UTC) - LEFT_TO_THE_GATEWAY, NOTES_PER_RUN)
    except TransientFailure as error:
        return dg.SkipReason(storable(str(error)))
    if not waiting:
        return dg.SkipReason("No note waits.")
    ours = {ASKED_BY_TAG: pending_notes.name}
    if under_way := unfinished_runs(instance, ours):
        return dg.SkipReason(f"{len(waiting)} notes wait until run {under_way[0].run_id[:8]} has ended.")
    pause = pause_after_vain_runs(
        instance,
        ours,
        lambda run: not covered(instance, [run], STEP, notes).isdisjoint(waiting),
        f"{len(waiting)} notes",
    )
    if pause:
        return dg.SkipReason(pause)
    before = next((run.run_id for run in instance.get_runs(dg.RunsFilter(tags=ours), limit=1)), "none")
    run_key = f"after {before}"  # who asks twice at once gets one run
    return dg.RunRequest(run_key=run_key, run_config={"ops": run_config(waiting, instance)}, tags=ours)
