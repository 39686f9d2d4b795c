"""Jobs: the selections of stages that people ask for by name."""

import dagster as dg

from asr_pipeline.defs.partitions import recordings
from asr_pipeline.domain.stage import Stage

# One process a run: the step spreads its work over all cores by itself.
executor = dg.in_process_executor


def _job(name: str, *stages: Stage, description: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(stage.value for stage in stages)),
        partitions_def=recordings,
        description=description,
        executor_def=executor,
    )


process_recordings = _job(
    "process_recordings", *Stage, description="All stages: from a registered recording to its subtitles."
)
translate_recordings = _job(
    "translate_recordings",
    Stage.TRANSLATIONS,
    Stage.SUBTITLES,
    description="Translations anew, and the subtitles made from them; nothing is recognised again.",
)
caption_recordings = _job(
    "caption_recordings", Stage.SUBTITLES, description="Subtitles anew, from the translations there are."
)

JOBS = [process_recordings, translate_recordings, caption_recordings]
