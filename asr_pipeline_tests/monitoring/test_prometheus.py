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
    gateway, prometheus, pipeline = house.gateway, house.prometheus, house.gateway.pipeline
    house.fires("DiskNearlyFull")
    house.fires("VerifyNotRun")
    assert prometheus.firing() == {"DiskNearlyFull", "VerifyNotRun"}
    assert prometheus.values('up{job="asr-pipeline"}') == [1]

    corrupt = [pipeline.register(written(tmp_path / f"bad-{n}.wav", bytes([n]) * 99)).recording_id for n in range(5)]
    gateway.lane.run(corrupt)
    house.fires("QuarantineRate")

    assert house.verify() == 0
    house.is_over("VerifyNotRun")
    original = pipeline.layout.source_of(pipeline.store.recording(corrupt[0]))
    original.rename(tmp_path / "kept")
    assert house.verify() == 1
    house.fires("VerifyFindings")
    (tmp_path / "kept").rename(original)
    assert house.verify() == 0
    house.is_over("VerifyFindings")

    sound = (samples / "phrases-1.wav").read_bytes()
    for number in range(3):  # registered, and nobody runs them: as many as may wait
        pipeline.register(written(tmp_path / f"waits-{number}.wav", sound + bytes(number + 1)), Way.INBOX)
    house.fires("OldestWaitsTooLong")
    assert "ErrorRate" not in prometheus.firing()
    for _ in range(20):
        assert upload(house.client, sound).status_code == 503
    house.fires("ErrorRate")

    house.serving.close()
    house.fires("GatewayDown")


def test_a_run_whose_process_stands_still_is_told(house: House, tmp_path: Path) -> None:
    with house.run("process", long_recording(tmp_path / "long.wav")) as process:
        try:
            started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
            wait_until(lambda: house.gateway.instance.get_runs_count(started) == 1, "the run is started")
            process.send_signal(signal.SIGSTOP)
            house.fires("RunStuck")
            assert house.prometheus.values('asr_pipeline_runs{status="started"}') == [1]
        finally:
            process.kill()


def written(file: Path, content: bytes) -> Path:
    """Write a file, and give it."""
    file.write_bytes(content)
    return file


def long_recording(file: Path) -> Path:
    """Write noise that takes far longer to recognise than it takes to stop the process."""
    noise = np.random.default_rng(1).normal(0, 3000, 1800 * SAMPLE_RATE_HZ).astype(np.int16)
    soundfile.write(file, noise, SAMPLE_RATE_HZ, "PCM_16")
    return file
