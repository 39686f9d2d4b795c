"""A recording that kills whoever recognises it, under `asr-pipeline up`: Dagster's own retries end in quarantine."""

from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import let_dagster_look_often, served
from asr_pipeline_tests.e2e.tell_tale import POISON

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]
GOOD = 4


def test_it_alone_ends_in_quarantine(tmp_path: Path, samples: Path) -> None:
    data_dir = tmp_path / "data"
    inbox = data_dir / "inbox"
    inbox.mkdir(parents=True)
    let_dagster_look_often(data_dir / "dagster")
    originals = sorted(samples.glob("*.wav"))
    for number in range(GOOD):
        write_memo(originals[number], inbox / f"memo {number}.wav", number)
    write_memo(originals[0], inbox / f"{POISON}.wav", GOOD)
    with (
        open_storage(load_settings(data_dir=data_dir)) as storage,
        open_instance(data_dir / "dagster") as instance,
    ):

        def is_through() -> bool:
            counts = storage.store.count_by_state()
            through = counts[RecordingState.DONE] == GOOD and counts[RecordingState.QUARANTINED] == 1
            return through and not unfinished(instance)

        with served(data_dir, program="asr_pipeline_tests.e2e.poisoned") as up:
            up.wait_until(is_through, f"{GOOD} recordings done, one in quarantine")
        runs = instance.get_runs()
        assert {run.status for run in runs} == {dg.DagsterRunStatus.FAILURE}
        assert {run.root_run_id or run.run_id for run in runs} == {runs[-1].run_id}  # one, and what Dagster made of it
        assert len(runs) > 1
    (listed,) = printed_json(asr_pipeline("quarantine", "list", "--json", data_dir=data_dir))
    assert (listed["name"], listed["kind"]) == (f"{POISON}.wav", "EngineCrashed")
    assert "SIGKILL" in listed["found"]
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir))
    assert told["findings"] == []
