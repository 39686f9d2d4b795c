"""The transcript's graph: variants, pauses, left neighbours, and words near their time."""

import numpy as np

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.acoustics.numerator import NEVER, START, NumeratorGraph, numerator_graph, word_windows
from models.recipe.recognizer.acoustics.phone_bigram import EDGE

LEXICON = {"a": ("AH", "EY"), "cat": ("K AE T",), "[unk]": ("SPN",)}
FLAT = np.zeros((EDGE + 1, EDGE + 1))


def graph(text: str) -> NumeratorGraph:
    words = text.split()
    return numerator_graph(words, [(10 * n, 10 * n + 14) for n in range(len(words))], LEXICON, FLAT)


def bases(found: NumeratorGraph) -> list[str]:
    return [phones.BASE_PHONES[pdf // (2 * phones.LEFT_CLASS_COUNT)] for pdf in found.pdf]


def test_a_word_may_follow_a_pause_or_the_start() -> None:
    found = graph("cat")
    assert bases(found) == ["SIL", "K", "AE", "T", "SIL"]
    before_k = found.previous[found.row[1] : found.row[2]]
    assert sorted(before_k) == [START, 0]


def test_both_ways_to_say_a_word_lead_on() -> None:
    found = graph("a cat")
    # K after SIL, after AH and after EY: three classes of left neighbour, so three states
    assert bases(found).count("K") == 3
    assert bases(found).count("AE") == 1  # all of them are K to what follows


def test_only_a_last_phone_or_a_last_pause_may_end() -> None:
    found = graph("cat")
    assert [name for name, final in zip(bases(found), found.final, strict=True) if final > NEVER] == ["T", "SIL"]


def test_no_words_is_one_pause() -> None:
    found = graph("")
    assert bases(found) == ["SIL"]
    assert found.final[0] == 0


def test_states_keep_to_their_words_window() -> None:
    found = graph("a cat")
    spans = {(name, first, last) for name, first, last in zip(bases(found), found.first, found.last, strict=True)}
    assert ("AH", 0, 14) in spans
    assert ("T", 10, 24) in spans


def test_a_window_reaches_from_before_the_word_to_after_the_next_ones_start() -> None:
    windows = word_windows([(0.3, 0.5), (0.9, 1.2)], tolerance_s=0.06, frame_s=0.03)
    assert windows == [(8, 33), (28, 43)]


def test_words_told_as_one_share_a_window() -> None:
    first, second = word_windows([(0.3, 0.9), (0.3, 0.9)], tolerance_s=0.06, frame_s=0.03)
    assert first == second


def test_a_window_before_the_beginning_is_cut() -> None:
    assert word_windows([(-0.5, -0.2)], tolerance_s=0.06, frame_s=0.03)[0][0] == 0
