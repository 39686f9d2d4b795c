"""Real Prometheus over a real gateway: figures are scraped, and alerts fire at faults that are made on purpose.

Thresholds of time are shortened, as nobody waits an hour here; of the disk's, the share that must be free is raised.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
import numpy as np
import pytest
import soundfile

from asr_pipeline.api.gateway import Gateway, open_gateway
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.settings import load_settings
from asr_pipeline_tests.api.serving import served, upload
from asr_pipeline_tests.monitoring.prometheus import Prometheus, Rule, needs_prometheus, rules, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.fault, needs_prometheus]

# What is shortened in which rule, so that it is seen within seconds.
SHORTENED = {
    "QuarantineRate": [("[1h]", "[60s]")],
    "OldestWaitsTooLong": [("6 * 3600", "1")],
    "RunStuck": [("> 3600", "> 1"), ("< 3600", "< 1")],
    "ErrorRate": [("[5m]", "[30s]")],
    "DiskNearlyFull": [("< 0.1", "< 2")],
    "VerifyNotRun": [("2 * 86400", "3600")],
}
WATCHED = [*SHORTENED, "VerifyFindings", "GatewayDown", "DatabaseDown", "DagsterDown", "RecordingsFailed"]


def shortened() -> list[Rule]:
    """Give the alerts that this is about, as they are but for what is shortened."""
    made = []
    for name in WATCHED:
        rule = rules()[name] | {"for": "0s"}
        for long, short in SHORTENED.get(name, []):
            assert long in rule["expr"], name
            rule["expr"] = rule["expr"].replace(long, short)
        made.append(rule)
    return made


@dataclass
class House:
    """A gateway that is served, and Prometheus over it."""

    gateway: Gateway
    client: httpx.Client
    prometheus: Prometheus
    serving: ExitStack

    def fires(self, name: str) -> None:
        wait_until(lambda: name in self.prometheus.firing(), f"{name} fires")

    def is_over(self, name: str) -> None:
        wait_until(lambda: name not in self.prometheus.firing(), f"{name} is over")

    def run(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        """Start a command over the gateway's data folder."""
        environment = os.environ | {"ASR_PIPELINE_DATA_DIR": str(self.gateway.settings.data_dir)}
        command = [sys.executable, "-m", "asr_pipeline", *map(str, arguments)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def verify(self) -> int:
        """Run the command; give its exit code."""
        with self.run("verify") as process:
            return process.wait(300)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Serve a gateway, and run Prometheus over it until it has asked some times."""
    (tmp_path / "prometheus").mkdir()
    with (
        open_gateway(load_settings(data_dir=tmp_path / "data", queue_max=3)) as gateway,
        ExitStack() as serving,
    ):
        client = serving.enter_context(served(gateway))
        with running(tmp_path / "prometheus", f"127.0.0.1:{client.base_url.port}", shortened()) as prometheus:
            wait_until(lambda: prometheus.values("count_over_time(up[1m]) > 2") != [], "it has asked")
            yield House(gateway, client, prometheus, serving)


def test_alerts_fire_at_their_faults(house: House, tmp_path: Path, samples: Path) -> None:
    house.fires("DiskNearlyFull")
    house.fires("VerifyNotRun")
    assert house.prometheus.firing() == {"DiskNearlyFull", "VerifyNotRun"}
    corrupt_files_come(house, tmp_path)
    an_original_is_lost(house)
    a_process_stands_still(house, tmp_path)
    more_comes_than_is_done(house, tmp_path, (samples / "phrases-1.wav").read_bytes())
    house.serving.close()
    house.fires("GatewayDown")


def corrupt_files_come(house: House, folder: Path) -> None:
    pipeline = house.gateway.pipeline
    corrupt = [pipeline.register(written(folder / f"bad-{n}.wav", bytes([n]) * 99)).recording_id for n in range(5)]
    house.gateway.lane.run(corrupt)
    house.fires("QuarantineRate")


def an_original_is_lost(house: House) -> None:
    assert house.verify() == 0
    house.is_over("VerifyNotRun")
    pipeline = house.gateway.pipeline
    pipeline.layout.source_of(pipeline.store.rows()[0].recording).unlink()
    assert house.verify() == 1
    house.fires("VerifyFindings")


def a_process_stands_still(house: House, folder: Path) -> None:
    """Stop the process of a real run in the midst of it."""
    assert "RunStuck" not in house.prometheus.firing()
    with house.run("process", long_recording(folder / "long.wav")) as process:
        try:
            started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            wait_until(lambda: house.gateway.instance.get_runs_count(started) == 1, "the run is started")
            process.send_signal(signal.SIGSTOP)
            house.fires("RunStuck")
            assert house.prometheus.values('asr_pipeline_runs{status="started"}') == [1]
        finally:
            process.kill()


def more_comes_than_is_done(house: House, folder: Path, sound: bytes) -> None:
    for number in range(3):  # registered, and nobody runs them: as many as may wait
        house.gateway.pipeline.register(written(folder / f"waits-{number}.wav", sound + bytes(number + 1)), Way.INBOX)
    house.fires("OldestWaitsTooLong")
    assert "ErrorRate" not in house.prometheus.firing()

    def is_refused_too_often() -> bool:
        assert upload(house.client, sound).status_code == 503
        return "ErrorRate" in house.prometheus.firing()

    wait_until(is_refused_too_often, "ErrorRate fires")


def written(file: Path, content: bytes) -> Path:
    """Write a file, and give it."""
    file.write_bytes(content)
    return file


def long_recording(file: Path) -> Path:
    """Write noise that takes far longer to recognise than it takes to stop the process."""
    noise = np.random.default_rng(1).normal(0, 3000, 1800 * SAMPLE_RATE_HZ).astype(np.int16)
    soundfile.write(file, noise, SAMPLE_RATE_HZ, "PCM_16")
    return file
