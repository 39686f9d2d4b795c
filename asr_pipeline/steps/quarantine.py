"""Recordings that fail for good are shown in quarantine, and leave it when they are done."""

import logging

from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import FlowListener, Quarantine, RecordStore

logger = logging.getLogger(__name__)


class QuarantineListener:
    """Implements `ports.FlowListener`: keeps the quarantine in step with what the flow commits, then passes on.

    SQL says what is quarantined. A folder that can't be written to now must not end a run over it: it is logged, and
    made good by whoever lists the quarantine next.
    """

    def __init__(self, store: RecordStore, quarantine: Quarantine, also: FlowListener) -> None:
        self._store = store
        self._quarantine = quarantine
        self._also = also

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Pass on."""
        self._also.speech_recognised(recording_id, speech_s)

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Take a recording out of quarantine once its failure is cleared."""
        recording_id = results.recording.recording_id
        if self._quarantine.has(recording_id):
            (row,) = self._store.rows([recording_id])
            if row.state is not RecordingState.QUARANTINED:
                self._quarantine.remove(recording_id)
        self._also.stage_done(stage, results)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Put a recording that failed for good into quarantine."""
        if isinstance(error, PermanentFailure):
            try:
                self._quarantine.keep_recording(self._store.recording(recording_id), error)
            except (PipelineError, OSError):
                logger.exception("%s could not be put into quarantine", recording_id)
        self._also.recording_failed(recording_id, stage, error)
