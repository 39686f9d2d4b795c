"""The pipeline of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import dagster as dg
import pytest

from asr_pipeline.defs import resources
from asr_pipeline.defs.own_process import PROCESS_TAG, this_process


def test_a_run_is_known_by_its_process_before_engines_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while they load, it would else look started for good."""
    seen: dict[str, str] = {}
    instance = dg.DagsterInstance.ephemeral()

    @contextmanager
    def opened(_: object) -> Iterator[SimpleNamespace]:
        (run,) = instance.get_runs()
        seen.update(run.tags)
        yield SimpleNamespace(preload=lambda: None)

    @dg.op(required_resource_keys={"pipeline"})
    def nothing() -> None:
        pass

    @dg.job(resource_defs={"pipeline": resources.PipelineResource()})
    def job() -> None:
        nothing()

    monkeypatch.setattr(resources, "open_pipeline", opened)
    assert job.execute_in_process(instance=instance).success
    assert seen[PROCESS_TAG] == this_process()
