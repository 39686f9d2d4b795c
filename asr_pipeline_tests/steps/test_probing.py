"""A stranger's file is opened in another process: whatever that does, the next file is well."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline.steps.probing import IsolatedProbe
from asr_pipeline_tests.steps.poison import PoisonedDecoder

pytestmark = pytest.mark.fault


@pytest.fixture
def make_probe() -> Iterator[Callable[..., IsolatedProbe]]:
    made: list[IsolatedProbe] = []

    def make(**arguments: float) -> IsolatedProbe:
        made.append(IsolatedProbe(PoisonedDecoder(), **arguments))
        made[-1].warm()
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_file_that_kills_is_refused_and_the_next_is_well(make_probe: Callable[..., IsolatedProbe]) -> None:
    probe = make_probe()
    probe.probe(Path("well.wav"))
    for _ in range(2):
        with pytest.raises(UnreadableAudio, match=r"kills\.wav.*SIGKILL"):
            probe.probe(Path("kills.wav"))
        probe.probe(Path("well.wav"))


def test_a_file_that_hangs_is_refused_and_the_next_is_well(make_probe: Callable[..., IsolatedProbe]) -> None:
    probe = make_probe(longest_s=2.0)
    with pytest.raises(UnreadableAudio, match="more than 2 s"):
        probe.probe(Path("hangs.wav"))
    for _ in range(3):  # a start of the child may take long on a busy machine
        try:
            probe.probe(Path("well.wav"))
        except UnreadableAudio:
            continue
        return
    pytest.fail("the probe did not recover")


def test_errors_come_as_they_are(make_probe: Callable[..., IsolatedProbe]) -> None:
    with pytest.raises(UnreadableAudio, match="expected audio, found text"):
        make_probe().probe(Path("bad.wav"))


@pytest.mark.engine
def test_it_is_never_made_in_this_process(samples: Path, tmp_path: Path) -> None:
    probe = IsolatedProbe(FFmpegDecoder())
    probe.probe(samples / "phrases-1.wav")
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UnreadableAudio, match=r"text\.wav"):
        probe.probe(tmp_path / "text.wav")
    child = probe._isolation._child
    assert child is not None
    assert child.pid != os.getpid()
    probe.close()
    assert child.poll() is not None
