"""The lexicon and the HMMs under it; OpenFst's tools where they are installed."""

import shutil
from pathlib import Path

import pytest

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.decoding.fst import Arc, Transducer, compile_fst, print_fst, run_tool
from models.recipe.recognizer.decoding.lexicon_graph import hmm_transducer, lexicon_transducer

needs_openfst = pytest.mark.skipif(not shutil.which("fstcompile"), reason="needs Debian's libfst-tools")

LEXICON = {"to": ("T UW",), "two": ("T UW",), "no": ("N OW",), "oh": ("OW",)}
IDS = {word: number for number, word in enumerate(sorted(LEXICON), 1)}


def outputs(fst: Transducer, labels: list[int]) -> set[tuple[int, ...]]:
    """Words that a string of input labels may mean, from the start to a final state."""
    alive: set[tuple[int, tuple[int, ...]]] = {(0, ())}
    for label in [*labels, None]:
        closed = set(alive)
        while True:
            more = {
                (arc.to, (*said, arc.label_out) if arc.label_out else said)
                for state, said in closed
                for arc in fst.arcs[state]
                if arc.label_in == 0
            } - closed
            if not more:
                break
            closed |= more
        if label is None:
            return {said for state, said in closed if state in fst.final}
        alive = {
            (arc.to, (*said, arc.label_out) if arc.label_out else said)
            for state, said in closed
            for arc in fst.arcs[state]
            if arc.label_in == label
        }
    raise AssertionError


def positions(text: str) -> list[int]:
    return [phones.PHONE_ID[name] for name in text.split()]


def test_homophones_are_told_apart_by_a_symbol_of_their_own() -> None:
    fst, symbols = lexicon_transducer(LEXICON, IDS)
    assert symbols == 2
    first, second = phones.PHONE_COUNT + 1, phones.PHONE_COUNT + 2
    said = positions("T_B UW_E")
    assert outputs(fst, [*said, first]) == {(IDS["to"],)}
    assert outputs(fst, [*said, second]) == {(IDS["two"],)}
    assert outputs(fst, said) == set()


def test_a_pause_may_stand_before_between_and_after() -> None:
    fst, _ = lexicon_transducer(LEXICON, IDS)
    for text in ("N_B OW_E OW_S", "SIL N_B OW_E OW_S", "SIL N_B OW_E SIL OW_S SIL"):
        assert outputs(fst, positions(text)) == {(IDS["no"], IDS["oh"])}


def test_the_lexicon_has_no_input_epsilons() -> None:
    fst, _ = lexicon_transducer(LEXICON, IDS)
    assert all(arc.label_in for arcs in fst.arcs for arc in arcs)


def test_a_phone_is_heard_after_its_left_neighbour_and_stays_as_long_as_it_likes() -> None:
    fst = hmm_transducer(lexicon_transducer({"no": ("N OW",), "oh": ("OW",)}, {"no": 1, "oh": 2})[0])
    silence, after_n = phones.LEFT_CLASS[phones.SILENCE_INDEX], phones.LEFT_CLASS[phones.BASE_INDEX["N"]]
    n, ow = phones.PHONE_ID["N_B"], phones.PHONE_ID["OW_E"]
    path = [phones.forward_transition(n, silence)] + [phones.self_loop_transition(n, silence)] * 3
    right = [*path, phones.forward_transition(ow, after_n), phones.self_loop_transition(ow, after_n)]
    wrong = [*path, phones.forward_transition(ow, silence)]
    assert outputs(fst, right) == {(1,)}
    assert outputs(fst, wrong) == set()


def test_the_neighbour_is_known_across_words() -> None:
    fst = hmm_transducer(lexicon_transducer({"no": ("N OW",), "oh": ("OW",)}, {"no": 1, "oh": 2})[0])
    silence, after_ow = (phones.LEFT_CLASS[phones.BASE_INDEX[name]] for name in ("SIL", "OW"))
    oh = phones.PHONE_ID["OW_S"]
    assert outputs(fst, [phones.forward_transition(oh, silence), phones.forward_transition(oh, after_ow)]) == {(2, 2)}


def test_a_word_without_a_phone_is_refused() -> None:
    fst = Transducer()
    fst.add_state()
    fst.add_arc(0, Arc(0, 0, 1))
    with pytest.raises(ValueError, match="no input epsilons"):
        hmm_transducer(fst)


def test_text_form_round_trip() -> None:
    fst, _ = lexicon_transducer(LEXICON, IDS)
    again = Transducer.parse("".join(fst.lines()))
    assert [len(arcs) for arcs in again.arcs].count(0) == [len(arcs) for arcs in fst.arcs].count(0)
    assert outputs(again, positions("N_B OW_E")) == {(IDS["no"],)}
    assert len(again.arcs) == len(fst.arcs)


@needs_openfst
def test_determinizing_keeps_what_the_lexicon_says(tmp_path: Path) -> None:
    fst, _ = lexicon_transducer(LEXICON, IDS)
    compile_fst(fst, tmp_path / "L.fst")
    run_tool("fstdeterminize", str(tmp_path / "L.fst"), str(tmp_path / "D.fst"))
    single = print_fst(tmp_path / "D.fst")
    assert all(len({arc.label_in for arc in arcs}) == len(arcs) for arcs in single.arcs)
    assert outputs(single, positions("N_B OW_E SIL OW_S")) == {(IDS["no"], IDS["oh"])}


@needs_openfst
def test_a_tool_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="fstdeterminize ended with"):
        run_tool("fstdeterminize", "/does/not/exist.fst")
