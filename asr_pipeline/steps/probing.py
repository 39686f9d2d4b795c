"""Whether a stranger's file is audio, asked in a child process: one that crashes a decoder takes nothing else with it.

The child stays for the next file. It is started and asked by one thread alone, which lives as long as it: the kernel
ends a child with the thread that started it.
"""

from pathlib import Path

from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.ports import AudioDecoder
from asr_pipeline.steps.isolation import ChildDied, Isolation
from asr_pipeline.steps.threads import DaemonThreads

LONGEST_S = 30.0  # the start of a child included


class IsolatedProbe:
    """Probes one file at a time. May be shared by threads."""

    def __init__(self, decoder: AudioDecoder, longest_s: float = LONGEST_S) -> None:
        self._decoder = decoder
        self._longest_s = longest_s
        self._isolation = Isolation()
        self._thread = DaemonThreads(1, "probe")

    def warm(self) -> None:
        """Have the child started, with its modules loaded; returns at once."""
        self._thread.submit(self._isolation.submit, repr, (self._decoder,))

    def probe(self, source: Path) -> None:
        """Do what a decoder's `probe` does, and raise as it does; UnreadableAudio too where it crashes or hangs."""
        self._thread.submit(self._probe, source).result()

    def close(self) -> None:
        """End the child."""
        self._thread.shutdown()
        self._isolation.close()

    def _probe(self, source: Path) -> None:
        asked = self._isolation.submit(self._decoder.probe, (source,))
        try:
            asked.result(self._longest_s)
        except TimeoutError:
            self._isolation.kill()
            raise _harmful(source, f"one that takes more than {self._longest_s:g} s") from None
        except ChildDied as death:
            raise _harmful(source, f"one that ends the process which opens it: {death}") from death


def _harmful(source: Path, found: str) -> UnreadableAudio:
    return UnreadableAudio(
        str(source),
        expected="a file that can be opened",
        found=found,
        remedy="Convert it anew; report it if others play it.",
    )
