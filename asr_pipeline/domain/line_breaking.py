"""Parts a sentence into cues, and a cue into lines: at sense where that is possible, balanced, nothing lost."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asr_pipeline.domain.cue import CaptionRules, visible_chars
from asr_pipeline.domain.phrases import INSIDE_WORD_COST, break_cost
from asr_pipeline.domain.transcript import Word

# Weights of the costs below, against the costs of `phrases`; chosen by looking at results, not fitted.
CUE_COST = 3.0  # each further cue
LINE_IMBALANCE_COST = 8.0  # times the square of the deviation, as a share of the longest line
SHARE_COST = 12.0  # times the deviation from where the other language is parted, as a share of the text
SHORT_COST = 3.0  # a cue that has few characters or little time
LONG_COST_PER_S = 5.0  # a cue that is shown longer than the rules allow
FEW_CHARS = 20
PAUSE_S = 0.25  # a pause from here on makes a break better
LONG_PAUSE_S = 1.0  # a pause from here on should not stand inside a cue
LONG_PAUSE_COST_PER_S = 3.0


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its marks, or a piece of one that is longer than a line: then `glued` to the piece before."""

    text: str
    start_s: float
    end_s: float
    glued: bool = False


def tokens_of_text(text: str, start_s: float, end_s: float, max_chars: int) -> list[Token]:
    """Cut text into tokens whose times share out the whole time by characters."""
    pieces = [(piece, number > 0) for word in text.split() for number, piece in enumerate(_hard_break(word, max_chars))]
    weights = [visible_chars(piece) + 1 for piece, _ in pieces]
    total = sum(weights)
    tokens: list[Token] = []
    done, piece_start_s = 0, start_s
    for (piece, glued), weight in zip(pieces, weights, strict=True):
        done += weight
        piece_end_s = start_s + (end_s - start_s) * done / total
        tokens.append(Token(piece, piece_start_s, piece_end_s, glued))
        piece_start_s = piece_end_s
    return tokens


def tokens_of_words(text: str, words: Sequence[Word], max_chars: int) -> list[Token]:
    """Cut text into tokens that have the times of its words; by characters where they don't fit one to one."""
    parts = text.split()
    if len(parts) != len(words):
        return tokens_of_text(text, words[0].start_s, words[-1].end_s, max_chars)
    tokens: list[Token] = []
    for part, word in zip(parts, words, strict=True):
        tokens += tokens_of_text(part, word.start_s, word.end_s, max_chars)
    return tokens


def join(tokens: Iterable[Token]) -> str:
    """Give the tokens' text."""
    return "".join(token.text if token.glued else f" {token.text}" for token in tokens).lstrip()


def split_cues(
    tokens: Sequence[Token],
    language: str,
    rules: CaptionRules,
    *,
    count: int | None = None,
    shares: Sequence[float] | None = None,
) -> list[list[Token]]:
    """Part tokens into cues that fit the rules' lines: as many as is best, or `count` where that is possible.

    `shares` are the parts of the text that should have been shown after each cue, for one parted like another.
    """
    if not tokens:
        return []
    if count is not None:
        count = min(count, len(tokens))
    costs = _break_costs(tokens, language)
    inner = _inner_pause_costs(tokens)
    widths = _widths(tokens)
    total = _width(tokens, widths, 0, len(tokens))
    capacity = rules.max_line_chars * rules.max_lines

    def edges(start: int) -> Iterator[tuple[int, float]]:
        for end in _ends_that_fit(tokens, widths, start, rules):
            width = _width(tokens, widths, start, end)
            duration_s = tokens[end - 1].end_s - tokens[start].start_s
            cost = CUE_COST + (width / capacity) ** 2 + costs[end] + inner[end - 1] - inner[start]
            cost += LONG_COST_PER_S * max(0.0, duration_s - rules.max_cue_s)
            if end - start < len(tokens):
                cost += SHORT_COST * max(0.0, 1 - width / FEW_CHARS, 1 - duration_s / rules.min_cue_s)
            yield end, cost

    def share_cost(number: int, end: int) -> float:
        if shares is None or number >= len(shares):
            return 0.0
        return SHARE_COST * abs(_width(tokens, widths, 0, end) / total - shares[number])

    return [list(tokens[start:end]) for start, end in _cheapest(len(tokens), edges, count, share_cost)]


def split_lines(tokens: Sequence[Token], language: str, rules: CaptionRules) -> tuple[str, ...]:
    """Part the tokens of a cue into the fewest lines that hold them."""
    widths = _widths(tokens)
    costs = _break_costs(tokens, language)
    count = _line_count(tokens, widths, rules)
    mean = _width(tokens, widths, 0, len(tokens)) / count

    def edges(start: int) -> Iterator[tuple[int, float]]:
        for end in range(start + 1, len(tokens) + 1):
            width = _width(tokens, widths, start, end)
            if width > rules.max_line_chars:
                return
            yield end, costs[end] + LINE_IMBALANCE_COST * ((width - mean) / rules.max_line_chars) ** 2

    return tuple(join(tokens[start:end]) for start, end in _cheapest(len(tokens), edges, count, lambda _n, _e: 0.0))


def _hard_break(word: str, max_chars: int) -> list[str]:
    """Cut a word that is longer than a line; marks and joiners stay with the letter before them."""
    pieces = [""]
    held = 0
    for character in word:
        width = visible_chars(character)
        if held + width > max_chars:
            pieces.append("")
            held = 0
        pieces[-1] += character
        held += width
    return pieces


def _widths(tokens: Sequence[Token]) -> list[int]:
    """Give running totals of the tokens' characters, each with the space before it."""
    totals = [0]
    for token in tokens:
        totals.append(totals[-1] + visible_chars(token.text) + (not token.glued))
    return totals


def _width(tokens: Sequence[Token], widths: Sequence[int], start: int, end: int) -> int:
    """Characters of tokens on one line: the first has no space before it."""
    return widths[end] - widths[start] - (not tokens[start].glued)


def _ends_that_fit(tokens: Sequence[Token], widths: Sequence[int], start: int, rules: CaptionRules) -> Iterator[int]:
    """Give the ends up to which the tokens from `start` fit into the rules' lines, filled one after another."""
    lines, line_start = 1, start
    for end in range(start + 1, len(tokens) + 1):
        if _width(tokens, widths, line_start, end) > rules.max_line_chars:
            lines, line_start = lines + 1, end - 1
            if lines > rules.max_lines:
                return
        yield end


def _line_count(tokens: Sequence[Token], widths: Sequence[int], rules: CaptionRules) -> int:
    """Fewest lines that hold the tokens."""
    lines, line_start = 1, 0
    for end in range(1, len(tokens) + 1):
        if _width(tokens, widths, line_start, end) > rules.max_line_chars:
            lines, line_start = lines + 1, end - 1
    return lines


def _break_costs(tokens: Sequence[Token], language: str) -> list[float]:
    """Cost of ending a part before each token; none at the end of the text."""
    costs = [0.0]
    for before, after in pairwise(tokens):
        cost = INSIDE_WORD_COST if after.glued else break_cost(before.text, after.text, language)
        pause_s = after.start_s - before.end_s
        costs.append(cost * max(0.2, 1 - pause_s) if pause_s >= PAUSE_S else cost)
    return [*costs, 0.0]


def _inner_pause_costs(tokens: Sequence[Token]) -> list[float]:
    """Give running totals, a token each, of what long pauses cost that stand inside a cue."""
    totals = [0.0]
    for before, after in pairwise(tokens):
        pause_s = after.start_s - before.end_s
        totals.append(totals[-1] + (LONG_PAUSE_COST_PER_S * pause_s if pause_s >= LONG_PAUSE_S else 0.0))
    return totals


def _cheapest(
    size: int,
    edges: Callable[[int], Iterable[tuple[int, float]]],
    count: int | None,
    extra: Callable[[int, int], float],
) -> list[tuple[int, int]]:
    """Part 0…size into ranges of least cost, `count` of them if given: the shortest path over all places to part.

    `edges(start)` gives (end, cost) of the ranges that may start there; `extra(number, end)` is added for the
    number-th range, where there is a count.
    """
    ranges_from = [list(edges(start)) for start in range(size)]
    best: dict[tuple[int, int], tuple[float, int]] = {(0, 0): (0.0, 0)}  # (ranges, end) -> cost, start of the last
    step = 0 if count is None else 1
    for number in range(count or 1):
        for start in range(size):
            if (number, start) not in best:
                continue
            so_far = best[number, start][0]
            for end, cost in ranges_from[start]:
                total = so_far + cost + (extra(number, end) if count is not None else 0.0)
                key = (number + step, end)
                if key not in best or total < best[key][0]:
                    best[key] = (total, start)
    path: list[tuple[int, int]] = []
    number, end = count or 0, size
    while end:
        start = best[number, end][1]
        path.append((start, end))
        number, end = number - step, start
    return path[::-1]
