"""Jobs: the selections of stages that people ask for by name."""

import dagster as dg

from asr_pipeline.domain.stage import Stage

# One process a run: the step spreads its work over all cores by itself.
executor = dg.in_process_executor


process_recordings = dg.define_asset_job(
    "process_recordings",
    selection=[stage.value for stage in Stage],
    description="All stages: from a registered recording to its subtitles.",
    executor_def=executor,
)
translate_recordings = dg.define_asset_job(
    "translate_recordings",
    selection=[Stage.TRANSLATIONS.value, Stage.SUBTITLES.value],
    description="Translations anew, and the subtitles made from them; nothing is recognised again.",
    executor_def=executor,
)
caption_recordings = dg.define_asset_job(
    "caption_recordings",
    selection=[Stage.SUBTITLES.value],
    description="Subtitles anew, from the translations there are.",
    executor_def=executor,
)

JOBS = [process_recordings, translate_recordings, caption_recordings]
