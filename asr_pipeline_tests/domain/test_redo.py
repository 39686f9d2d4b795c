"""What must be done again, in groups."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.redo import Redo, grouped
from asr_pipeline.domain.stage import DEPENDS_ON, Stage, with_downstream

STAGES = st.frozensets(st.sampled_from(Stage))


@given(STAGES)
def test_what_is_made_from_a_stage_is_downstream_of_it(stages: frozenset[Stage]) -> None:
    found = with_downstream(stages)
    assert stages <= found
    assert with_downstream(found) == found
    for stage in Stage:
        assert (stage in found) == (stage in stages or any(one in found for one in DEPENDS_ON[stage]))


def test_the_subtitles_depend_on_everything() -> None:
    assert all(Stage.SUBTITLES in with_downstream({stage}) for stage in Stage)
    assert with_downstream({Stage.TRANSLATIONS}) == {Stage.TRANSLATIONS, Stage.SUBTITLES}
    assert with_downstream({Stage.RAW_AUDIO}) == set(Stage)


@given(st.lists(STAGES.filter(bool), max_size=20))
def test_each_recording_is_in_the_group_of_its_stages(needs: list[frozenset[Stage]]) -> None:
    redos = [Redo(f"r{number}", stages, (f"because of {len(stages)}",)) for number, stages in enumerate(needs)]
    groups = grouped(redos)
    assert len({group.stages for group in groups}) == len(groups)
    placed = {one: frozenset(group.stages) for group in groups for one in group.recording_ids}
    assert placed == {redo.recording_id: redo.stages for redo in redos}
    assert sum((group.reasons for group in groups), Counter()) == Counter(r for redo in redos for r in redo.reasons)
    assert [len(group.stages) for group in groups] == sorted((len(group.stages) for group in groups), reverse=True)
