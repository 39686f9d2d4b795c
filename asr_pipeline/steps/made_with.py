"""What each stage is made with, one line a stage: code, engines, models, settings. A stage with another line is stale.

Only what changes a result stands here; what changes its speed (threads, batches, spans) does not.
"""

from collections.abc import Mapping

from asr_pipeline.domain.stage import CODE_VERSIONS, Stage
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.ports import EngineVersion
from asr_pipeline.steps.flow import FlowRules, Tools


def made_with(tools: Tools, rules: FlowRules, *, audio: str, detection: str) -> Mapping[Stage, str]:
    """Give the lines. `audio` and `detection` say how sound is decoded and speech is found."""
    recognizer = tools.transcriber
    translators = {
        language: tools.translator.version(SOURCE_LANGUAGE, language) for language in sorted(rules.target_languages)
    }
    captions = rules.caption_rules
    parts = {
        Stage.RAW_AUDIO: audio,
        Stage.SEGMENTS: detection,
        Stage.TRANSCRIPTS: f"{_named(recognizer.version)}; chunk {recognizer.chunk_bytes} bytes",
        Stage.TRANSLATIONS: "; ".join(f"{language}: {_named(version)}" for language, version in translators.items()),
        Stage.SUBTITLES: f"{captions.max_lines} lines of {captions.max_line_chars}; "
        f"{captions.max_chars_per_s:g} characters/s; digits {captions.persian_digits}",
    }
    return {stage: f"code {CODE_VERSIONS[stage]}; {parts[stage]}" for stage in Stage}


def _named(version: EngineVersion) -> str:
    return f"{version.engine} {version.model} {version.version}"
