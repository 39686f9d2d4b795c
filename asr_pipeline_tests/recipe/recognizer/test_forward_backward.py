"""The compiled passes agree with counting every path by hand."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba", reason="numba comes with the recipe's environment alone: make models-test")

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.acoustics.forward_backward import LOG_HALF, Denominator, numerator_occupancy
from models.recipe.recognizer.acoustics.numerator import FOREVER, NEVER, START, NumeratorGraph, numerator_graph
from models.recipe.recognizer.acoustics.phone_bigram import EDGE

LEXICON = {"a": ("AH", "EY"), "no": ("N OW",)}
FRAMES = 5


def bigram() -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(1)
    shares = generator.random((EDGE + 1, EDGE + 1)) + 0.1
    chances: npt.NDArray[np.float64] = np.log(shares / shares.sum(axis=1, keepdims=True))
    return chances


def scores(frames: int = FRAMES) -> npt.NDArray[np.float32]:
    return np.random.default_rng(2).normal(0, 1, (frames, phones.PDF_COUNT)).astype(np.float32)


def by_hand(found: NumeratorGraph, table: npt.NDArray[np.float32]) -> float:
    """Add up every path: which state each frame is in."""
    total = NEVER
    for path in itertools.product(range(len(found.pdf)), repeat=len(table)):
        value = found.final[path[-1]]
        for frame, state in enumerate(path):
            if not found.first[state] <= frame <= found.last[state]:
                value = NEVER
                break
            before = path[frame - 1] if frame else START
            if frame and before == state:
                value += table[frame, found.pdf[state] + 1] + LOG_HALF
                continue
            edges = range(found.row[state], found.row[state + 1])
            weight = next((found.weight[k] for k in edges if found.previous[k] == before), NEVER)
            value += weight + table[frame, found.pdf[state]] + LOG_HALF
        if value > NEVER / 2:
            total = value if total <= NEVER / 2 else float(np.logaddexp(total, value))
    return total


@pytest.mark.parametrize("window", [(0, FOREVER), (0, 2), (1, 3)])
def test_the_numerator_counts_every_path_in_its_window(window: tuple[int, int]) -> None:
    found = numerator_graph(["a"], [window], LEXICON, bigram())
    table = scores()
    result = numerator_occupancy(table, found)
    assert result.log_likelihood == pytest.approx(by_hand(found, table), abs=1e-4)
    assert result.posteriors.sum(axis=1) == pytest.approx(np.ones(FRAMES), abs=1e-4)


def test_a_transcript_that_does_not_fit_has_no_path() -> None:
    found = numerator_graph(["no"] * 4, [(0, FOREVER)] * 4, LEXICON, bigram())
    assert numerator_occupancy(scores(), found).log_likelihood < NEVER / 2


def test_the_numerators_occupancy_is_the_gradient_of_its_likelihood() -> None:
    found = numerator_graph(["no"], [(1, 4)], LEXICON, bigram())
    table = scores()
    result = numerator_occupancy(table, found)
    frame, pdf = np.unravel_index(np.argmax(result.posteriors * (result.posteriors < 0.9)), table.shape)
    moved = table.copy()
    moved[frame, pdf] += 0.01
    gradient = (numerator_occupancy(moved, found).log_likelihood - result.log_likelihood) / 0.01
    assert gradient == pytest.approx(float(result.posteriors[frame, pdf]), abs=0.01)


def test_the_denominators_occupancy_is_the_gradient_of_its_likelihood() -> None:
    denominator, table = Denominator(bigram()), scores(8)
    result = denominator.occupancy(table)
    assert result.posteriors.sum(axis=1) == pytest.approx(np.ones(8), abs=0.02)  # the leak belongs to no pdf
    for frame in (0, 3, 7):
        pdf = int(np.argmax(result.posteriors[frame]))
        moved = table.copy()
        moved[frame, pdf] += 0.05
        gradient = (denominator.occupancy(moved).log_likelihood - result.log_likelihood) / 0.05
        assert gradient == pytest.approx(float(result.posteriors[frame, pdf]), rel=0.05, abs=2e-3)


def test_the_denominator_holds_every_numerator() -> None:
    chances, table = bigram(), scores(8)
    found = numerator_graph(["no", "a"], [(0, FOREVER)] * 2, LEXICON, chances)
    everything = Denominator(chances).occupancy(table).log_likelihood
    assert math.isfinite(everything)
    assert numerator_occupancy(table, found).log_likelihood < everything
