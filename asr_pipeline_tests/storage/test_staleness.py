"""What is stale, on SQLite and PostgreSQL: the query is held against the rule, told in Python."""

import datetime as dt
from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.staleness import stale
from asr_pipeline.storage.tables import recordings, stage_commits
from asr_pipeline_tests.storage.samples import recording

pytestmark = pytest.mark.database
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
TODAY = {stage: f"code 2; {stage}" for stage in Stage}
Commits = Mapping[Stage, str]  # made with
COMMITS = st.fixed_dictionaries({stage: st.sampled_from([TODAY[stage], TODAY[stage], "code 1"]) for stage in Stage})


def commit(database: sa.Engine, archive: list[Commits], state: RecordingState = RecordingState.DONE) -> list[str]:
    """Register recordings with these commits; what was there before is gone."""
    made = [recording(f"memo {number}.wav") for number in range(len(archive))]
    with writing(database) as connection:
        connection.execute(sa.delete(recordings))
    SqlRecordStore(database).register(made)
    with writing(database) as connection:
        rows = connection.execute(sa.select(recordings.c.recording_id, recordings.c.number))
        numbers = {row.recording_id: row.number for row in rows}
        connection.execute(sa.update(recordings).values(state=state.value))
        commits_of = [
            {
                "recording_number": numbers[one.recording_id],
                "stage": stage.value,
                "run_id": "r",
                "root_run_id": "r",
                "committed_at": NOON,
                "made_with": made_with,
            }
            for one, commits in zip(made, archive, strict=True)
            for stage, made_with in commits.items()
        ]
        if commits_of:
            connection.execute(sa.insert(stage_commits), commits_of)
    return [one.recording_id for one in made]


def by_rule(commits: Commits) -> frozenset[Stage]:
    return with_downstream(stage for stage, made_with in commits.items() if made_with != TODAY[stage])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(archive=st.lists(COMMITS, max_size=6))
def test_the_query_finds_what_the_rule_says(database: sa.Engine, archive: list[Commits]) -> None:
    ids = commit(database, archive)
    expected = {one: by_rule(commits) for one, commits in zip(ids, archive, strict=True)}
    found = stale(database, TODAY)
    assert {redo.recording_id: redo.stages for redo in found} == {one: need for one, need in expected.items() if need}
    assert [redo.recording_id for redo in found] == [one for one in ids if expected[one]]


def test_the_reason_tells_old_and_new(database: sa.Engine) -> None:
    changed = {**TODAY, Stage.TRANSLATIONS: "code 1; beam 1"}
    unknown = {**TODAY, Stage.SUBTITLES: ""}
    commit(database, [TODAY, changed, unknown])
    first, second = stale(database, TODAY)
    assert first.reasons == ("translations: code 1; beam 1 → code 2; translations",)
    assert first.stages == {Stage.TRANSLATIONS, Stage.SUBTITLES}
    assert second.reasons == ("subtitles: (not known) → code 2; subtitles",)


def test_another_glossary_makes_translations_stale(database: sa.Engine) -> None:
    ids = commit(database, [TODAY, TODAY, {**TODAY, Stage.SUBTITLES: "code 1"}])
    changed = {ids[1]: "another glossary", ids[2]: "another glossary", "nobody": "another glossary"}
    found = stale(database, TODAY, lambda: changed)
    assert [redo.recording_id for redo in found] == [ids[1], ids[2]]
    assert found[0].reasons == ("translations: another glossary",)
    assert all(redo.stages == {Stage.TRANSLATIONS, Stage.SUBTITLES} for redo in found)


@pytest.mark.parametrize("state", [RecordingState.IN_PROGRESS, RecordingState.DROPPED])
def test_only_what_is_done_is_stale(database: sa.Engine, state: RecordingState) -> None:
    commit(database, [{**TODAY, Stage.SUBTITLES: "code 1"}], state)
    assert stale(database, TODAY) == []
