"""Whatever happens to a cluster's parts: everything is done, once, and with the text that threads give."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import EngineCrashed
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.cluster_house import Texts, house, shared, texts_of_threads
from asr_pipeline_tests.e2e.clusters import Nodes, kill, nodes, wait_until
from asr_pipeline_tests.e2e.tell_tale import POISON, TellTale

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]


@pytest.fixture(scope="module")
def files(samples: Path) -> list[Path]:
    return sorted(samples.glob("*.wav"))[:3]


@pytest.fixture(scope="module")
def expected(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return texts_of_threads(tmp_path_factory.mktemp("threads"), files)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Nodes]:
    with nodes(tmp_path / "cluster") as started:
        yield started


def test_a_worker_is_killed_in_mid_span_and_another_joins_late(
    cluster: Nodes, tmp_path: Path, files: list[Path], expected: Texts
) -> None:
    held = cluster.start_worker("first", held=True)
    with house(tmp_path / "data", files, executor=cluster.address, shared_audio=shared(tmp_path)) as here:
        with here.running():
            cluster.wait_for_work()
            kill(held.process)
            late = cluster.start_worker("late")
        assert not held.heard
        assert len(late.heard) == len(set(late.heard)) > len(files)
        assert here.texts() == expected
        here.assert_each_was_done_once()
    assert not list((tmp_path / "shared").iterdir())


def test_a_slow_worker_holds_up_nothing_but_what_it_works_on(
    cluster: Nodes, tmp_path: Path, files: list[Path], expected: Texts
) -> None:
    slow = cluster.start_worker("slow", held=True, host="127.0.0.2")
    quick = cluster.start_worker("quick", host="127.0.0.3")
    cluster.wait_for_workers(2)
    spans = sum(len(utterances) > 0 for utterances in expected.values())
    with house(tmp_path / "data", files, executor=cluster.address, shared_audio=shared(tmp_path)) as here:
        with here.running():
            cluster.wait_for_work()
            wait_until(lambda: len(quick.heard) > spans, "the quick one's work")
            slow.let_go()
        assert here.texts() == expected
        assert len(slow.heard) < len(quick.heard)
        here.assert_each_was_done_once()


def test_the_scheduler_is_killed_and_started_again(
    cluster: Nodes, tmp_path: Path, files: list[Path], expected: Texts
) -> None:
    worker = cluster.start_worker("first", held=True)
    with house(tmp_path / "data", files, executor=cluster.address, shared_audio=shared(tmp_path)) as here:
        with here.running():
            cluster.wait_for_work()
            cluster.kill_scheduler()
            cluster.start_scheduler()
            worker.let_go()
        assert here.texts() == expected
        here.assert_each_was_done_once()


def test_what_kills_workers_fails_alone(cluster: Nodes, tmp_path: Path, files: list[Path], expected: Texts) -> None:
    poison = write_memo(files[0], tmp_path / f"{POISON}.wav", 1)
    cluster.start_worker("first")
    with house(tmp_path / "data", [*files, poison], executor=cluster.address, shared_audio=shared(tmp_path)) as here:
        tools = replace(here.pipeline.tools, transcriber=TellTale(here.pipeline.tools.transcriber))
        here.pipeline = replace(here.pipeline, tools=tools)
        *good, bad = here.ids
        report = here.run()
        assert sorted(report.done) == sorted(good)
        assert isinstance(report.failed[bad], EngineCrashed)
        here.ids = good
        assert here.texts() == expected
    assert not list((tmp_path / "shared").iterdir())
