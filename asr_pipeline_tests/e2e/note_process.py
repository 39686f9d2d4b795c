"""A process that has a note in work and never ends it: one to kill.

Run as `python -m asr_pipeline_tests.e2e.note_process`; it says the note's id, and then that it is in work.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace

from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.glossary import Glossary
from asr_pipeline.domain.note import NoteDraft
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.lane import Lane
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline


class NeverDone(ArgosTranslator):
    """Says that it is asked, and gives no answer."""

    def translate(
        self, sentences: Sequence[str], *, source: str, target: str, glossary: Glossary | None = None
    ) -> list[str]:
        print("in work", flush=True)  # noqa: T201 - who started this listens
        threading.Event().wait()
        return super().translate(sentences, source=source, target=target, glossary=glossary)


def main() -> None:
    with open_pipeline(load_settings()) as opened, open_instance(opened.layout.dagster_home) as instance:
        argos = opened.tools.translator
        assert isinstance(argos, ArgosTranslator)
        pipeline = replace(opened, tools=replace(opened.tools, translator=NeverDone(argos.packages)))
        lane = Lane(pipeline, instance)
        note_id = pipeline.notes.create(NoteDraft("Garden", "The camera in the garden is broken.")).note_id
        pipeline.notes.ask(note_id, "fa")
        print(note_id, flush=True)  # noqa: T201
        lane.submit_note(note_id)
        threading.Event().wait()


if __name__ == "__main__":
    main()
