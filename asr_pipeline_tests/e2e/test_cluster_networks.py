"""Workers on other machines, as far as the network knows: TLS between the parts, and a partition of 20 s."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_pipeline_tests.certificates import Certificate, write_certificate
from asr_pipeline_tests.e2e.cluster_house import house, shared, texts_of_threads
from asr_pipeline_tests.e2e.clusters import Nodes, nodes, wait_until
from asr_pipeline_tests.e2e.networks import Network, network

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]
AWAY_S = 20.0


@pytest.fixture
def machines() -> Iterator[Network]:
    with network() as found:
        if found is None:
            pytest.skip("network namespaces need root: other tests have workers on separate loopback addresses")
        yield found


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return write_certificate(tmp_path / "tls")


def test_a_partition_of_the_network_costs_nothing(
    machines: Network, certificate: Certificate, tmp_path: Path, samples: Path
) -> None:
    files = sorted(samples.glob("*.wav"))[:3]
    expected = texts_of_threads(tmp_path / "threads", files)
    with nodes(tmp_path / "cluster", machines.host, **certificate.environment) as cluster:
        here, there = (cluster.start_worker(name, held=True, within=machines.join(name)) for name in ("here", "there"))
        cluster.wait_for_workers(2)
        settings = certificate.settings | {"executor": cluster.address, "shared_audio": shared(tmp_path)}
        with house(tmp_path / "data", files, **settings) as rooms:
            with rooms.running():
                cluster.wait_for_work(2)
                machines.cut_off("there")
                until_s = time.monotonic() + AWAY_S
                here.let_go()
                there.let_go()
                wait_until(lambda: time.monotonic() > until_s, "the end of the partition")
                machines.heal("there")
            assert here.heard
            assert there.heard
            assert rooms.texts() == expected
            rooms.assert_each_was_done_once()


def test_who_has_no_certificate_of_the_authority_is_no_part_of_it(certificate: Certificate, tmp_path: Path) -> None:
    strangers = write_certificate(tmp_path / "strangers")
    with nodes(tmp_path / "cluster", **certificate.environment) as cluster:
        assert _connects(cluster, certificate)
        assert not _connects(cluster, strangers)
        assert not _connects(cluster, None)


def _connects(cluster: Nodes, certificate: Certificate | None) -> bool:
    """Tell whether a client gets to the scheduler; in a process of its own, for Dask's threads that go on trying."""
    tls = (
        "None"
        if certificate is None
        else f"Tls(*map(Path, {[str(certificate.ca), str(certificate.cert), str(certificate.key)]}))"
    )
    connect = f"""
import asyncio
from pathlib import Path
from asr_pipeline.engines.cluster import places
from asr_pipeline.engines.cluster.setup import Tls
places.TRY_S = 5
async def connect():
    client = await places.Remote("{cluster.host}:{cluster.port}", {tls}).connect()
    await client.close()
    print("connected")
asyncio.run(connect())
"""
    found = subprocess.run([sys.executable, "-c", connect], capture_output=True, text=True, timeout=120, check=False)
    return "connected" in found.stdout
