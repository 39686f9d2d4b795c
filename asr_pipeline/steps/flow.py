"""The flow: recordings stream through the stages, many at a time; each result is committed and told at once.

One coroutine a recording, all in one thread: only engines run elsewhere (`engine_calls.py`), so that commits, log
lines and the listener need no locks. A bounded window of recordings is decoded and recognised at a time. A recording
that waits for its translations has left the window: sentences of many recordings are translated together. Another flow
that works on the same recording is waited for, and what it has committed is not computed again.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from asr_pipeline.domain.errors import PipelineError, SetupError, TransientFailure, UpstreamMissing, internal_error
from asr_pipeline.domain.observing import working_on
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import Claim, FlowListener, RunContext
from asr_pipeline.steps.patience import attempts, cause, patiently
from asr_pipeline.steps.stages import Stages
from asr_pipeline.steps.tools import FlowRules, Tools
from asr_pipeline.steps.work import Place, Work

__all__ = ["Flow", "FlowReport", "FlowRules", "Tools"]

logger = logging.getLogger(__name__)

CLAIM_LOOK_S = 0.05  # how soon a recording that another has is asked for again, and then ever more seldom
CLAIM_LOOK_MAX_S = 2.0


@dataclass
class FlowReport:
    """How a flow ended: every recording is in exactly one of the two."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, PipelineError] = field(default_factory=dict)


class Flow:
    """Streams recordings through the stages asked for. An instance runs once."""

    def __init__(
        self, tools: Tools, rules: FlowRules, executor: Executor, listener: FlowListener, run: RunContext
    ) -> None:
        self._tools = tools
        self._rules = rules
        self._listener = listener
        self._run_context = run
        self._report = FlowReport()
        self._stages = Stages(tools, rules, executor, listener, run)

    def run(
        self, recording_ids: Sequence[str], stages: Iterable[Stage], *, resume: bool = False, only_missing: bool = False
    ) -> FlowReport:
        """Take every recording through `stages`, and tell what became of each.

        What another run commits while this one runs is not computed again. With `resume`, neither is what this run's
        lineage has committed; with `only_missing`, neither is what is done when its turn comes, nor a stage that is
        committed and made with what it would be made with now.
        A recording's failure is in the report; a SetupError, which would fail them all, is raised.
        """
        self._wanted = frozenset(stages)
        self._resume = resume
        self._only_missing = only_missing
        if Stage.TRANSLATIONS in self._wanted:
            self._stages.find_translators()
        self._committed = (
            self._tools.store.stages_done_in(self._run_context.root_run_id)
            if resume
            else frozenset[tuple[str, Stage]]()
        )
        self._commits_before = self._tools.store.last_commits(recording_ids)
        try:
            with working_on("run", run_id=self._run_context.run_id):
                asyncio.run(self._all(recording_ids))
        except BaseExceptionGroup as group:  # an interrupt comes as a BaseException
            raise cause(group) from group
        finally:
            self._stages.close()
        return self._report

    async def _all(self, recording_ids: Iterable[str]) -> None:
        window = asyncio.Semaphore(self._rules.recordings_in_flight)
        async with asyncio.TaskGroup() as group:
            with self._stages.batcher.producer():
                for recording_id in recording_ids:
                    place = Place(window)
                    await place.take()
                    group.create_task(self._recording(recording_id, place))

    async def _recording(self, recording_id: str, place: Place) -> None:
        """Take one recording through the stages once nobody else works on it."""
        with working_on("recording", recording_id=recording_id):
            await self._recording_alone(recording_id, place)

    async def _recording_alone(self, recording_id: str, place: Place) -> None:
        try:
            recording = await patiently(partial(self._tools.store.recording, recording_id), self._rules)
            claim = await self._claim(recording, place)
        except KeyError:
            await self._tell_failure(recording_id, Stage.RAW_AUDIO, _not_registered(recording_id))
        except TransientFailure as error:
            await self._fail(recording_id, Stage.RAW_AUDIO, error)
        else:
            try:
                await self._work_on(Work(RecordingResults(recording), claim), place)
            finally:
                claim.release()
        finally:
            place.leave()

    async def _claim(self, recording: Recording, place: Place) -> Claim:
        """Wait until nobody else works on a recording; meanwhile its place in the window is another's."""
        look_s = CLAIM_LOOK_S
        while True:
            claim = await patiently(partial(self._tools.claims.claim, recording), self._rules)
            if claim is not None:
                try:
                    await place.take()
                except BaseException:
                    claim.release()
                    raise
                return claim
            if place.leave():
                logger.info("%s waits: another run works on it", recording.recording_id)
            await asyncio.sleep(look_s)
            look_s = min(1.5 * look_s, CLAIM_LOOK_MAX_S)

    async def _work_on(self, work: Work, place: Place) -> None:
        """Take one recording through the stages; keep and tell its failure, so that it never stops the others."""
        recording, recording_id = work.results.recording, work.results.recording.recording_id
        try:
            await patiently(partial(self._see_what_is_there, work), self._rules)
            with self._stages.batcher.producer():
                for stage in (Stage.RAW_AUDIO, Stage.SEGMENTS, Stage.TRANSCRIPTS):
                    await self._stage(stage, work)
            place.leave()
            for stage in (Stage.TRANSLATIONS, Stage.SUBTITLES):
                await self._stage(stage, work)
        except SetupError:
            raise
        except PipelineError as error:
            source = self._tools.files.source_of(recording)
            named = error.about(recording.name) if error.subject == str(source) else error
            await self._fail(recording_id, work.stage, named)
        except Exception as error:  # a fault of ours in one recording must not lose the others' work
            logger.exception("%s stopped at %s", recording_id, work.stage)
            await self._fail(recording_id, work.stage, internal_error(recording_id, error))
        else:
            self._report.done.append(recording_id)

    def _see_what_is_there(self, work: Work) -> None:
        """Find the stages that need not be computed, and whether what was kept of spans may be used."""
        store, recording_id = self._tools.store, work.results.recording.recording_id
        commits, before = store.last_commits([recording_id])[recording_id], self._commits_before[recording_id]
        work.there = {stage for stage, commit in commits.items() if before.get(stage) != commit}
        work.there |= {stage for stage in Stage if (recording_id, stage) in self._committed}
        (row,) = store.rows([recording_id])
        if self._only_missing and row.state is RecordingState.DONE:
            work.there = set(Stage)
        elif self._only_missing:
            made_with = self._rules.made_with
            work.there |= {stage for stage, commit in commits.items() if commit.made_with == made_with.get(stage, "")}
        work.there -= {row.failed_stage}  # its failure stays noted until it is committed anew, whatever was before
        work.trusts_spans = self._resume or Stage.TRANSCRIPTS not in commits

    async def _fail(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        await patiently(
            partial(self._tools.store.save_failure, recording_id, stage, error, self._run_context), self._rules
        )
        await self._tell_failure(recording_id, stage, error)

    async def _tell_failure(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        self._report.failed[recording_id] = error
        await patiently(partial(self._listener.recording_failed, recording_id, stage, error), self._rules)

    async def _stage(self, stage: Stage, work: Work) -> None:
        """Compute, commit and tell a stage that was asked for; load one that was not, where a later one needs it."""
        work.stage = stage
        if stage not in self._wanted:
            if any(later.order > stage.order for later in self._wanted):
                await patiently(partial(self._stages.load, stage, work.results), self._rules)
            return
        if stage in work.there:
            await patiently(partial(self._stages.load, stage, work.results), self._rules)
        else:
            work.there.clear()  # what is there of later stages was made from another result of this one
            async for attempt in attempts(self._rules):
                with attempt, working_on("stage", stage=stage.value):
                    await self._stages.compute(stage, work)
        await patiently(partial(self._listener.stage_done, stage, work.results), self._rules)


def _not_registered(recording_id: str) -> UpstreamMissing:
    return UpstreamMissing(
        recording_id,
        expected="the id of a registered recording",
        found="a partition that was added by hand",
        remedy="Register its file with `asr-pipeline process FILE`, and delete this partition.",
    )
