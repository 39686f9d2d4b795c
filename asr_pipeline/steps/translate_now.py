"""One sentence, translated while somebody waits for it: as the stage does, in the thread that asks."""

import asyncio
from collections.abc import Sequence

from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.steps.tools import Tools
from asr_pipeline.steps.translate import translate_unknown


def glossary_of(tools: Tools, language: str) -> Glossary:
    """Give the terms into a language as they are now."""
    return tools.glossaries.glossary(SOURCE_LANGUAGE, language) if tools.glossaries else NO_GLOSSARY


def translate_sentence(tools: Tools, sentence: str, language: str) -> str:
    """Translate what the memory does not know, and let it know. Raises ModelMissing, EngineFailed."""

    async def now(unknown: Sequence[str], glossary: Glossary | None) -> list[str]:
        return tools.translator.translate(unknown, source=SOURCE_LANGUAGE, target=language, glossary=glossary)

    version = tools.translator.version(SOURCE_LANGUAGE, language)
    glossary = glossary_of(tools, language)
    asked = translate_unknown([sentence], language, tools.memory, now, version=version, glossary=glossary)
    return asyncio.run(asked)[0]


def translate_unremembered(tools: Tools, sentence: str, language: str) -> str:
    """Translate without leaving a trace: the memory is neither asked nor told. Raises as `translate_sentence`."""
    applicable = Glossary(glossary_of(tools, language).applicable([sentence]), language=language)
    own = applicable if applicable.entries else None
    return tools.translator.translate([sentence], source=SOURCE_LANGUAGE, target=language, glossary=own)[0]
