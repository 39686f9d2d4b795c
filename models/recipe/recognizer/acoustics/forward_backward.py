"""Forward-backward over the numerator and the denominator, compiled by numba.

In the topology of `phones` a state is one phone: entering it in a frame scores its forward pdf, staying scores its
self-loop pdf, and each frame costs log 2 (the transition model's two halves).

The numerator adds logarithms. The denominator has all phones at once and works with scaled probabilities; with a
"leak" (Povey et al., 2016) each frame lets a little of the mass jump to any state, which keeps it from starving.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.recipe.recognizer.acoustics.numerator import NEVER, NumeratorGraph
from models.recipe.recognizer.acoustics.phone_bigram import LogProbabilities
from models.recipe.recognizer.acoustics.phones import LEFT_CLASS, LEFT_CLASS_COUNT, SILENCE_INDEX

LOG_HALF = math.log(0.5)
LEAK = 1e-3

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Share of each pdf in each frame, frames x pdfs, and the log-likelihood of all paths together."""

    posteriors: Matrix
    log_likelihood: float


def numerator_occupancy(scores: Matrix, graph: NumeratorGraph) -> Occupancy:
    """Run the transcript's graph over `scores`, frames x pdfs of log-scores. No path: likelihood is NEVER."""
    posteriors = np.zeros_like(scores)
    total = _numerator(
        scores,
        graph.pdf,
        graph.first,
        graph.last,
        graph.row,
        graph.previous,
        graph.weight,
        graph.final,
        posteriors,
    )
    return Occupancy(posteriors, float(total))


class Denominator:
    """All phone strings under a phone bigram."""

    def __init__(self, bigram: LogProbabilities) -> None:
        phones = bigram.shape[0] - 1
        probabilities = np.exp(bigram).astype(np.float32)
        self._follow: Matrix = np.ascontiguousarray(probabilities[:phones, :phones] * np.float32(0.5))
        self._begin: Matrix = probabilities[phones, :phones] * np.float32(0.5)
        self._end: Matrix = probabilities[:phones, phones].copy()
        self._left_class = np.array(LEFT_CLASS, dtype=np.int64)

    def occupancy(self, scores: Matrix) -> Occupancy:
        """Run all phone strings over `scores`, frames x pdfs of log-scores."""
        posteriors = np.zeros_like(scores)
        total = _denominator(scores, self._follow, self._begin, self._end, self._left_class, posteriors)
        return Occupancy(posteriors, float(total))


def _compiled(function: Any) -> Any:  # noqa: ANN401 - numba's decorator is untyped
    return njit(cache=True, fastmath=True, nogil=True)(function)


@_compiled
def _add(left: float, right: float) -> float:
    if left < right:
        left, right = right, left
    if right < left - 40.0:
        return left
    return left + math.log1p(math.exp(right - left))


@_compiled
def _numerator(scores, pdf, first, last, row, previous, weight, final, posteriors):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912, PLR0917
    frames, states = len(scores), len(pdf)
    entered = np.full((frames, states), NEVER)
    stayed = np.full((frames, states), NEVER)
    alpha = np.full(states, NEVER)
    for frame in range(frames):
        for state in range(states):
            if frame < first[state] or frame > last[state]:
                continue
            inward = NEVER
            for k in range(row[state], row[state + 1]):
                value = NEVER
                if previous[k] >= 0 and frame:
                    value = alpha[previous[k]]
                elif previous[k] < 0 and frame == 0:
                    value = 0.0
                if value > NEVER / 2:
                    value += weight[k]
                    inward = value if inward <= NEVER / 2 else _add(inward, value)
            if inward > NEVER / 2:
                entered[frame, state] = inward + scores[frame, pdf[state]] + LOG_HALF
            if alpha[state] > NEVER / 2:
                stayed[frame, state] = alpha[state] + scores[frame, pdf[state] + 1] + LOG_HALF
        for state in range(states):
            alpha[state] = _add(entered[frame, state], stayed[frame, state])
    total = NEVER
    for state in range(states):
        if alpha[state] > NEVER / 2 and final[state] > NEVER / 2:
            value = alpha[state] + final[state]
            total = value if total <= NEVER / 2 else _add(total, value)
    if total <= NEVER / 2:
        return total
    beta = final.copy()
    for frame in range(frames - 1, -1, -1):
        before = np.full(states, NEVER)
        for state in range(states):
            if beta[state] <= NEVER / 2 or frame < first[state] or frame > last[state]:
                continue
            if entered[frame, state] > NEVER / 2:
                posteriors[frame, pdf[state]] += math.exp(entered[frame, state] + beta[state] - total)
            if stayed[frame, state] > NEVER / 2:
                posteriors[frame, pdf[state] + 1] += math.exp(stayed[frame, state] + beta[state] - total)
            value = beta[state] + scores[frame, pdf[state] + 1] + LOG_HALF
            before[state] = value if before[state] <= NEVER / 2 else _add(before[state], value)
            entering = beta[state] + scores[frame, pdf[state]] + LOG_HALF
            for k in range(row[state], row[state + 1]):
                source = previous[k]
                if source >= 0:
                    value = entering + weight[k]
                    before[source] = value if before[source] <= NEVER / 2 else _add(before[source], value)
        beta = before
    return total


@_compiled
def _denominator(scores, follow, begin, end, left_class, posteriors):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912, PLR0915, PLR0917
    frames, phones, classes = len(scores), len(begin), LEFT_CLASS_COUNT
    # alpha[frame, c, q]: mass in phone q whose left neighbour is of class c, scaled to 1 a frame
    alpha = np.zeros((frames, classes, phones), np.float32)
    enter = np.zeros((frames, classes, phones), np.float32)
    stay = np.zeros((frames, classes, phones), np.float32)
    scale = np.zeros(frames, np.float32)
    by_phone = np.zeros(phones, np.float32)
    inward = np.zeros((classes, phones), np.float32)
    cells = np.float32(classes * phones)
    total = 0.0
    for frame in range(frames):
        top = scores[frame].max()
        for q in range(phones):
            for c in range(classes):
                pdf = 2 * (q * classes + c)
                enter[frame, c, q] = math.exp(scores[frame, pdf] - top)
                stay[frame, c, q] = math.exp(scores[frame, pdf + 1] - top)
        inward[:] = 0
        if frame == 0:
            inward[left_class[SILENCE_INDEX]] = begin
        else:
            for p in range(phones):
                mass, c = by_phone[p], left_class[p]
                for q in range(phones):
                    inward[c, q] += mass * follow[p, q]
        mass = np.float32(0)
        for c in range(classes):
            for q in range(phones):
                value = inward[c, q] * enter[frame, c, q]
                if frame:
                    value += alpha[frame - 1, c, q] * np.float32(0.5) * stay[frame, c, q]
                alpha[frame, c, q] = value
                mass += value
        leak = np.float32(LEAK) * mass / cells
        mass = mass * np.float32(1 + LEAK)
        by_phone[:] = 0
        for c in range(classes):
            for q in range(phones):
                alpha[frame, c, q] = (alpha[frame, c, q] + leak) / mass
                by_phone[q] += alpha[frame, c, q]
        scale[frame] = mass
        total += math.log(mass) + top
    ending = np.float32(0)
    for q in range(phones):
        ending += by_phone[q] * end[q]
    total += math.log(ending)
    beta = np.zeros((classes, phones), np.float32)
    for c in range(classes):
        beta[c] = end / ending
    back = np.zeros(phones, np.float32)
    for frame in range(frames - 1, -1, -1):
        leak = np.float32(0)
        for c in range(classes):
            for q in range(phones):
                leak += beta[c, q]
        leak = leak * np.float32(LEAK) / cells
        for c in range(classes):
            for q in range(phones):
                beta[c, q] = (beta[c, q] + leak) / scale[frame]
        if frame == 0:
            c = left_class[SILENCE_INDEX]
            for q in range(phones):
                posteriors[0, 2 * (q * classes + c)] = begin[q] * enter[0, c, q] * beta[c, q]
            break
        inward[:] = 0
        by_phone[:] = 0
        for c in range(classes):
            for q in range(phones):
                by_phone[q] += alpha[frame - 1, c, q]
        for p in range(phones):
            c = left_class[p]
            mass, value = by_phone[p], np.float32(0)
            for q in range(phones):
                inward[c, q] += mass * follow[p, q]
                value += follow[p, q] * enter[frame, c, q] * beta[c, q]
            back[p] = value
        for c in range(classes):
            for q in range(phones):
                pdf = 2 * (q * classes + c)
                posteriors[frame, pdf] = inward[c, q] * enter[frame, c, q] * beta[c, q]
                staying = np.float32(0.5) * stay[frame, c, q] * beta[c, q]
                posteriors[frame, pdf + 1] = alpha[frame - 1, c, q] * staying
                beta[c, q] = back[q] + staying
    return total
