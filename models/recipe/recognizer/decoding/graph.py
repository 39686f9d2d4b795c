"""graph/: HCLr.fst, Gr.fst, disambig_tid.int and words.txt.

The graph is split (not one HCLG.fst) so that KaldiRecognizer takes a grammar at run time. HCLr is of OpenFst's type
olabel_lookahead, which renumbers the words; Gr and words.txt use the new numbers. Backoff arcs of Gr are epsilons.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.decoding.fst import Arc, Transducer, compile_fst, print_fst, run_tool
from models.recipe.recognizer.decoding.language_model import SENTENCE_END, SENTENCE_START, LanguageModel
from models.recipe.recognizer.decoding.lexicon_graph import hmm_transducer, lexicon_transducer


@dataclass(frozen=True, slots=True)
class GraphSize:
    """What was built: words, states of HCLr and of Gr."""

    words: int
    lexicon_states: int
    grammar_states: int


def build_graph(
    graph_dir: Path, lexicon: Mapping[str, tuple[str, ...]], language: LanguageModel, work_dir: Path
) -> GraphSize:
    """Write the graph of a lexicon (with [unk]) and a language model; intermediate files go to `work_dir`."""
    graph_dir.mkdir(parents=True, exist_ok=True)
    work_dir.mkdir(parents=True, exist_ok=True)
    word_ids = {word: number for number, word in enumerate(sorted(lexicon), 1)}
    determinized, symbols = _determinized(lexicon, word_ids, work_dir)
    hmm = hmm_transducer(determinized)
    relabelled = _write_lookahead(hmm, graph_dir / "HCLr.fst", work_dir)
    new_ids = {word: relabelled[number] for word, number in word_ids.items()}
    lines = [f"{word} {number}\n" for word, number in sorted(new_ids.items(), key=lambda pair: pair[1])]
    (graph_dir / "words.txt").write_text("".join(["<eps> 0\n", *lines]), encoding="utf-8")
    grammar = grammar_acceptor(language, new_ids)
    _write_grammar(grammar, graph_dir / "Gr.fst", work_dir)
    symbol_ids = range(phones.TRANSITION_COUNT + 1, phones.TRANSITION_COUNT + symbols + 1)
    (graph_dir / "disambig_tid.int").write_text("".join(f"{number}\n" for number in symbol_ids), encoding="utf-8")
    return GraphSize(len(lexicon), len(hmm.arcs), len(grammar.arcs))


def grammar_acceptor(language: LanguageModel, word_ids: Mapping[str, int]) -> Transducer:
    """Turn a language model into an acceptor of word numbers, a state for each history."""
    fst = Transducer()
    start = language.state((SENTENCE_START,))
    states = {start: fst.add_state()}
    for history in language.table:
        if history not in states:
            states[history] = fst.add_state()
    for history, (backoff, words) in language.table.items():
        state = states[history]
        for word, probability in words.items():
            cost = -math.log(probability)
            if word == SENTENCE_END:
                fst.final[state] = cost
            else:
                to = states[language.state((*history, word))]
                fst.add_arc(state, Arc(to, word_ids[word], word_ids[word], cost))
        if history:
            fst.add_arc(state, Arc(states[history[1:]], 0, 0, -math.log(backoff)))
    return fst


def _determinized(
    lexicon: Mapping[str, tuple[str, ...]], word_ids: Mapping[str, int], work_dir: Path
) -> tuple[Transducer, int]:
    fst, symbols = lexicon_transducer(lexicon, word_ids)
    plain, single = work_dir / "L.fst", work_dir / "L-determinized.fst"
    compile_fst(fst, plain)
    run_tool("fstdeterminize", str(plain), str(single))
    return print_fst(single), symbols


def _write_lookahead(hmm: Transducer, path: Path, work_dir: Path) -> dict[int, int]:
    plain, sorted_, pairs = work_dir / "HCL.fst", work_dir / "HCL-sorted.fst", work_dir / "relabel"
    compile_fst(hmm, plain)
    run_tool("fstarcsort", "--sort_type=olabel", str(plain), str(sorted_))
    run_tool("fstconvert", "--fst_type=olabel_lookahead", f"--save_relabel_opairs={pairs}", str(sorted_), str(path))
    lines = (line.split() for line in pairs.read_text(encoding="ascii").splitlines())
    relabelled = {int(old): int(new) for old, new in lines}
    if len(set(relabelled.values())) != len(relabelled):
        raise ValueError("fstconvert gave two words one number")
    return relabelled


def _write_grammar(grammar: Transducer, path: Path, work_dir: Path) -> None:
    plain, useful, sorted_ = work_dir / "G.fst", work_dir / "G-useful.fst", work_dir / "G-sorted.fst"
    compile_fst(grammar, plain)
    run_tool("fstconnect", str(plain), str(useful))
    run_tool("fstarcsort", "--sort_type=ilabel", str(useful), str(sorted_))
    run_tool("fstconvert", "--fst_type=const", str(sorted_), str(path))
