"""Word-by-word alignment of what was said with what was recognised, and the figures that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pairing:
    """Places in both texts; one of them is None for a word left out or put in."""

    said: int | None
    heard: int | None
    right: bool


def align(said: Sequence[str], heard: Sequence[str]) -> list[Pairing]:
    """Pair the words of two texts with the fewest substitutions, omissions and insertions."""
    rows, columns = len(said), len(heard)
    cost = [[row + column for column in range(columns + 1)] for row in range(rows + 1)]
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            cost[row][column] = min(
                cost[row - 1][column] + 1,
                cost[row][column - 1] + 1,
                cost[row - 1][column - 1] + (said[row - 1] != heard[column - 1]),
            )
    pairs: list[Pairing] = []
    row, column = rows, columns
    while row or column:
        right = bool(row and column) and said[row - 1] == heard[column - 1]
        if row and column and cost[row][column] == cost[row - 1][column - 1] + (not right):
            row, column = row - 1, column - 1
            pairs.append(Pairing(row, column, right))
        elif row and cost[row][column] == cost[row - 1][column] + 1:
            row -= 1
            pairs.append(Pairing(row, None, right=False))
        else:
            column -= 1
            pairs.append(Pairing(None, column, right=False))
    return pairs[::-1]


def area_under_curve(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Give the chance that a right word's confidence is above a wrong word's; equal ones count half."""
    if not right or not wrong:
        return float("nan")
    ranked = sorted([(value, True) for value in right] + [(value, False) for value in wrong])
    rank_sum, place = 0.0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        mean_rank = (place + 1 + end) / 2
        rank_sum += mean_rank * sum(1 for _, is_right in ranked[place:end] if is_right)
        place = end
    count = len(right)
    return (rank_sum - count * (count + 1) / 2) / (count * len(wrong))
