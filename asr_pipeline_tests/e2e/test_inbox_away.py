"""An inbox that is away for a while, as a network mount may be: it is said, and its files are taken once it is back."""

from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.archives import write_memos
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]
MEMOS = 2


def last_skip_reason(instance: dg.DagsterInstance) -> str:
    """Give what the inbox's last tick said, "" before there is any."""
    for state in instance.all_instigator_state():
        if state.name == "inbox":
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                return tick.skip_reason or ""
    return ""


def test_files_are_taken_when_it_is_back(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir, inbox, away = tmp_path / "data", tmp_path / "mount" / "inbox", tmp_path / "away"
    monkeypatch.setenv("ASR_PIPELINE_INBOX_DIR", str(inbox))
    write_memos(away, samples / "phrases-3.wav", MEMOS)
    inbox.parent.mkdir()
    inbox.write_text("a file is no folder, not even for root")
    with (
        open_storage(load_settings(data_dir=data_dir)) as storage,
        open_instance(data_dir / "dagster") as instance,
        served(data_dir) as up,
    ):
        up.wait_until(lambda: "expected an inbox that can be looked into" in last_skip_reason(instance), "a reason")
        assert str(inbox) in last_skip_reason(instance)
        inbox.unlink()
        away.rename(inbox)
        up.wait_until(
            lambda: storage.store.count_by_state()[RecordingState.DONE] == MEMOS and not unfinished(instance),
            f"{MEMOS} recordings done",
        )
        assert [path for path in inbox.rglob("*") if path.is_file()] == []
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir))
    assert told["findings"] == []
