"""Dagster's instance: its files, and how a run names its partitions."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.tags import TagConcurrencyLimitsCounter  # what the daemon counts by
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, add_partitions, open_instance, partitions_of_run
from asr_pipeline.defs.sensors import LONG, SHORT

pytestmark = pytest.mark.e2e
KNOWN = [f"r{number}" for number in range(20)]


@given(st.sets(st.sampled_from(KNOWN), min_size=1), st.randoms(use_true_random=False))
def test_a_run_names_exactly_the_partitions_wanted(wanted: set[str], random: object) -> None:
    shuffled = sorted(wanted)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    tags, config = partitions_of_run(KNOWN, shuffled)
    if tags:
        first, last = KNOWN.index(tags[RANGE_START_TAG]), KNOWN.index(tags[RANGE_END_TAG])
        assert set(KNOWN[first : last + 1]) == wanted
        assert config == {"keys": []}
    else:
        assert set(config["keys"]) == wanted
        assert config["keys"] == sorted(wanted, key=KNOWN.index)


def test_an_instance_is_made_where_there_is_none_and_kept_where_there_is(tmp_path: Path) -> None:
    home = tmp_path / "a home" / "dagster"
    with open_instance(home) as instance:
        add_partitions(instance, ["a", "b"])
    yaml = home / "dagster.yaml"
    yaml.write_text(yaml.read_text() + "# changed by a person\n")
    with open_instance(home) as instance:
        assert list(instance.get_dynamic_partitions("recordings")) == ["a", "b"]
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled
    assert "changed by a person" in yaml.read_text()


def test_an_instance_goes_with_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "a: home #1 ü" / "dagster"
    with open_instance(home) as instance:
        add_partitions(instance, ["a"])
    moved = tmp_path / "moved"
    home.rename(moved)
    with open_instance(moved) as instance:
        assert list(instance.get_dynamic_partitions("recordings")) == ["a"]
    assert not home.exists()


def test_long_recordings_hold_one_of_two_places(tmp_path: Path) -> None:
    def run(number: int, **tags: str) -> dg.DagsterRun:
        return dg.DagsterRun("process_recordings", run_id=f"run-{number}", tags=tags)

    with open_instance(tmp_path / "dagster") as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 2
    counter = TagConcurrencyLimitsCounter(queue.tag_concurrency_limits, [run(1, **LONG)])
    assert counter.is_blocked(run(2, **LONG))
    assert not counter.is_blocked(run(3, **SHORT))
    assert not counter.is_blocked(run(4))
