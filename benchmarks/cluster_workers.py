"""Workers that sleep, many in one process: `python benchmarks/cluster_workers.py HOST:PORT COUNT`, for `cluster.py`."""

import asyncio
import os
import sys

from distributed import Worker

from asr_pipeline.domain.segment import Segment, Span
from asr_pipeline.domain.transcript import Utterance, Word
from asr_pipeline.wiring.cluster_worker import Recogniser

SEGMENTS, WORDS = 6, 70  # of a span of 30 s of speech


async def nap(_recogniser: Recogniser, span: Span, _shared: str | None, nap_s: float) -> tuple[list[Utterance], float]:
    """Sleep; give what a span gives."""
    await asyncio.sleep(nap_s)
    words = tuple(
        Word("something", span.segments[0].start_s + n / 3, span.segments[0].start_s + n / 3 + 0.2, 0.9)
        for n in range(WORDS // SEGMENTS)
    )
    return [Utterance(0, 0, words) for _ in range(SEGMENTS)], nap_s


def a_span(index: int) -> Span:
    """Give a span as there are: of six segments."""
    segments = tuple(Segment(n, 0, 40.0 * index + 6 * n, 40.0 * index + 6 * n + 5) for n in range(SEGMENTS))
    return Span(f"recording-{index % 50:012d}", index, segments)


async def simulate(address: str, workers: int) -> None:
    """Run workers until the end of the process."""
    await asyncio.gather(
        *(
            Worker(f"tcp://{address}", nthreads=1, memory_limit=0, dashboard=False, name=f"{os.getpid()}-{n}")
            for n in range(workers)
        )
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(simulate(sys.argv[1], int(sys.argv[2])))
