"""What must be done again for a recording, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from asr_pipeline.domain.stage import Stage


@dataclass(frozen=True, slots=True)
class Redo:
    """Stages of a recording to compute anew; everything that is made from them is among them."""

    recording_id: str
    stages: frozenset[Stage]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedoGroup:
    """Recordings that need the same stages, in their order; `reasons` counts why."""

    stages: tuple[Stage, ...]
    recording_ids: tuple[str, ...]
    reasons: Counter[str]


def grouped(redos: Iterable[Redo]) -> list[RedoGroup]:
    """Group by stages; those that need most come first."""
    members: dict[frozenset[Stage], list[Redo]] = {}
    for redo in redos:
        members.setdefault(redo.stages, []).append(redo)
    groups = [
        RedoGroup(
            stages=tuple(sorted(stages, key=lambda stage: stage.order)),
            recording_ids=tuple(redo.recording_id for redo in some),
            reasons=Counter(reason for redo in some for reason in redo.reasons),
        )
        for stages, some in members.items()
    ]
    return sorted(groups, key=lambda group: (-len(group.stages), [stage.order for stage in group.stages]))
