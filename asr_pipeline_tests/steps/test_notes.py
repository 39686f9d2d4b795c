"""Translating notes, with a fake engine that fails as it is told, over real databases."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
import stamina

from asr_pipeline.domain.errors import (
    EngineFailed,
    EngineStuck,
    InternalError,
    ModelMissing,
    PipelineError,
    StoreUnavailable,
)
from asr_pipeline.domain.glossary import glossary_entry
from asr_pipeline.domain.note import Note, NoteDraft, NoteWork
from asr_pipeline.ports import EngineVersion
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.notes import NoteFlow, NoteReport, TranslatedNote
from asr_pipeline.steps.tools import FlowRules, Tools
from asr_pipeline.storage.note_work import SqlNoteWork
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline_tests.fakes import (
    FakeClaims,
    FakeDecoder,
    FakeDetector,
    FakeFiles,
    FakeGlossaries,
    FakeMemory,
    FakeSpans,
    FakeStore,
    FakeSubtitleWriter,
    FakeTranscriber,
    FakeTranslator,
)

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _retry_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@dataclass
class House:
    """A run's surroundings."""

    engine: sa.Engine
    translator: FakeTranslator = field(default_factory=FakeTranslator)
    memory: FakeMemory = field(default_factory=FakeMemory)
    glossaries: FakeGlossaries = field(default_factory=FakeGlossaries)
    told: list[TranslatedNote] = field(default_factory=list)
    failures: list[tuple[str, PipelineError]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notes = SqlNotes(self.engine)
        self.work = SqlNoteWork(self.engine)

    def asked(self, text: str, *languages: str) -> str:
        note_id = self.notes.create(NoteDraft("t", text)).note_id
        for language in languages or ("fa",):
            self.notes.ask(note_id, language)
        return note_id

    def run(self, *note_ids: str, run_id: str = "run", batch_sentences: int = 256) -> NoteReport:
        tools = Tools(
            FakeDecoder(),
            FakeDetector(),
            FakeTranscriber(),
            self.translator,
            FakeSubtitleWriter(),
            FakeStore(),
            self.memory,
            FakeFiles(),
            FakeClaims(),
            FakeSpans(),
            self.glossaries,
        )
        rules = FlowRules(["fa"], CaptionRules(), batch_sentences=batch_sentences)
        with ThreadPoolExecutor(2) as threads:
            return NoteFlow(tools, rules, threads, self.work, self, run_id=run_id).run(note_ids)

    def translated(self, note: TranslatedNote) -> None:
        self.told.append(note)

    def failed(self, work: NoteWork, error: PipelineError) -> None:
        self.failures.append((work.note_id, error))

    def shown(self, note_id: str) -> dict[str, tuple[str, str | None]]:
        note: Note = self.notes.get(note_id)
        return {one.language: (one.status.value, one.text) for one in note.translations}


@pytest.fixture
def house(database: sa.Engine) -> House:
    return House(database)


def failing(error: PipelineError | Exception, *, on: str, times: int = 1_000) -> Callable[[str], None]:
    left = [times]

    def fault(sentence: str) -> None:
        if on in sentence and left[0]:
            left[0] -= 1
            raise error

    return fault


def stuck() -> EngineStuck:
    return EngineStuck("translation", expected="a result in time", found="none", remedy="Shorten it.")


def engine_failed() -> EngineFailed:
    return EngineFailed("the engine", expected="a result", found="none", remedy="It is tried again.")


def test_sentences_of_all_notes_go_together_and_come_back_to_their_places(house: House) -> None:
    first = house.asked("One. Two.\n\n- Three")
    second = house.asked("Two. Four.", "fa", "de")
    report = house.run(first, second)
    assert house.shown(first) == {"fa": ("done", "fa:One. fa:Two.\n\n- fa:Three")}
    assert house.shown(second) == {"fa": ("done", "fa:Two. fa:Four."), "de": ("done", "de:Two. de:Four.")}
    assert sorted(map(sorted, house.translator.batches)) == [["Four.", "One.", "Three", "Two."], ["Four.", "Two."]]
    assert len(report.done) == len(house.told) == 3
    assert {note.text for note in house.told if note.work.note_id == first} == {"fa:One. fa:Two.\n\n- fa:Three"}


def test_memory_and_glossary_are_used_and_persian_is_written_as_persians_do(house: House) -> None:
    version = house.translator.version("en", "fa")
    house.memory.remember({"One.": "يك، 12"}, "en", "fa", version)
    house.glossaries.entries.append(glossary_entry("two", "دو", "fa"))
    note_id = house.asked("One. Two.")
    house.run(note_id)
    assert house.shown(note_id) == {"fa": ("done", "یک، ۱۲ fa:Two. دو")}
    assert house.translator.batches == [["Two."]]
    assert house.notes.get(note_id).translations[0].model == "en-fa"


@pytest.mark.fault
def test_a_sentence_at_fault_fails_its_note_alone_for_the_time_being(house: House) -> None:
    good, bad = house.asked("Good. Fine."), house.asked("Fine. Bad.")
    house.translator.fault = failing(engine_failed(), on="Bad")
    report = house.run(good, bad)
    assert house.shown(good) == {"fa": ("done", "fa:Good. fa:Fine.")}
    assert house.shown(bad) == {"fa": ("pending", None)}
    assert house.notes.get(bad).translations[0].reason == str(engine_failed())
    assert [work.note_id for work in report.failed] == [bad]
    assert [(note_id, type(error)) for note_id, error in house.failures] == [(bad, EngineFailed)]
    house.translator.fault = failing(engine_failed(), on="never")
    house.run(bad, run_id="run 2")
    assert house.shown(bad) == {"fa": ("done", "fa:Fine. fa:Bad.")}


@pytest.mark.fault
def test_what_fails_once_is_tried_again_in_the_same_run(house: House) -> None:
    note_id = house.asked("One.")
    house.translator.fault = failing(engine_failed(), on="One", times=2)
    house.run(note_id)
    assert house.shown(note_id) == {"fa": ("done", "fa:One.")}


@pytest.mark.fault
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModelMissing("de", expected="a model", found="none", remedy="Pull it."), ModelMissing),
        (KeyError("a fault of ours"), InternalError),
    ],
)
def test_what_can_not_be_mended_by_trying_fails_with_its_reason(
    house: House, error: Exception, told: type[PipelineError]
) -> None:
    good, bad = house.asked("Good."), house.asked("Bad.", "de")
    house.translator.fault = failing(error, on="Bad")
    house.run(good, bad)
    assert house.shown(good) == {"fa": ("done", "fa:Good.")}
    (shown,) = house.notes.get(bad).translations
    assert shown.status.value == "failed"
    assert str(error.args[0]) in str(shown.reason)
    assert [type(one) for _, one in house.failures] == [told]


@pytest.mark.fault
def test_a_batch_that_takes_too_long_is_made_note_by_note(house: House) -> None:
    good, bad = house.asked("Good."), house.asked("Endless.")
    house.translator.fault = failing(stuck(), on="Endless")
    house.run(good, bad)
    assert house.shown(good) == {"fa": ("done", "fa:Good.")}
    assert house.shown(bad) == {"fa": ("failed", None)}


@pytest.mark.fault
def test_an_edit_while_it_is_translated_makes_the_result_nobodys(house: House) -> None:
    note_id, other = house.asked("Old text."), house.asked("Other.")
    begun, edited = threading.Event(), threading.Event()

    def wait_for_the_edit(sentence: str) -> None:
        if sentence == "Old text.":
            begun.set()
            assert edited.wait(60)

    def edit() -> None:
        assert begun.wait(60)
        house.notes.edit(note_id, {"original_text": "New text."})
        house.notes.ask(note_id, "fa")
        edited.set()

    house.translator.fault = wait_for_the_edit
    with ThreadPoolExecutor(1) as editor:
        editing = editor.submit(edit)
        report = house.run(note_id, other)
        editing.result()
    assert house.shown(note_id) == {"fa": ("pending", None)}
    assert [work.note_id for work in report.done] == [note.work.note_id for note in house.told] == [other]
    house.run(note_id, run_id="run 2")
    assert house.shown(note_id) == {"fa": ("done", "fa:New text.")}


@pytest.mark.fault
def test_a_run_that_is_stopped_gives_its_work_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    note_id = house.asked("One.")

    def stop(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(house.work, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            house.run(note_id)
    assert house.shown(note_id) == {"fa": ("pending", None)}
    house.run(note_id, run_id="run 2")
    assert house.shown(note_id) == {"fa": ("done", "fa:One.")}


@pytest.mark.fault
def test_a_result_is_not_computed_again_where_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_id = house.asked("One.")
    save, failures = house.work.save, [True]

    def away_once(work: NoteWork, text: str, version: EngineVersion, run_id: str) -> bool:
        if failures:
            failures.pop()
            raise StoreUnavailable("the database", expected="an answer", found="none", remedy="It is tried again.")
        return save(work, text, version, run_id)

    monkeypatch.setattr(house.work, "save", away_once)
    house.run(note_id)
    assert house.shown(note_id) == {"fa": ("done", "fa:One.")}
    assert house.translator.batches == [["One."]]


def test_what_a_process_died_in_is_done_last_and_alone(house: House) -> None:
    suspect, good = house.asked("Suspect."), house.asked("Good.")
    house.work.claim([suspect], "dead")
    house.work.release(["dead"])
    house.run(suspect, good)
    assert house.translator.batches == [["Good."], ["Suspect."]]
    assert house.shown(suspect) == {"fa": ("done", "fa:Suspect.")}


def test_a_note_without_any_letter_is_its_own_translation(house: House) -> None:
    note_id = house.asked("--- \n ***")
    house.run(note_id)
    assert house.shown(note_id) == {"fa": ("done", "--- \n ***")}
    assert house.translator.batches == []


def test_what_is_gone_by_then_is_nothing_to_do(house: House) -> None:
    note_id = house.asked("One.")
    house.notes.delete(note_id)
    report = house.run(note_id, "ffff")
    assert (report.done, report.failed, house.translator.batches) == ([], {}, [])
