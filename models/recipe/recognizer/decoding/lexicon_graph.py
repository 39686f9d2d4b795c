"""The lexicon as a transducer, and the HMMs put under it.

L: phones to words, silence optional between words, a disambiguation symbol after each homophone. Position suffixes
make no pronunciation a prefix of another, so only homophones need one.

HCL: transition-ids to words. Walking the determinized L, a node is a state of L together with the class of the phone
before it, for the left biphone; self-loops stand after the forward arc (Kaldi's "reorder"), which libvosk's word
alignment relies on.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.decoding.fst import Arc, Transducer

SILENCE_COST = math.log(2)
"""Of pausing, and of not pausing, after a word."""

_HALF = math.log(2)  # cost of either transition of a phone


def lexicon_transducer(lexicon: Mapping[str, tuple[str, ...]], word_ids: Mapping[str, int]) -> tuple[Transducer, int]:
    """Give L, without input epsilons, and the number of disambiguation symbols; they follow the phones' ids."""
    fst = Transducer()
    start, loop, after_silence = fst.add_state(), fst.add_state(), fst.add_state()
    fst.final = {start: 0.0, loop: 0.0}
    silence = phones.PHONE_ID[phones.SILENCE]
    fst.add_arc(start, Arc(loop, silence, 0, SILENCE_COST))
    fst.add_arc(after_silence, Arc(loop, silence, 0))
    symbols: Counter[tuple[int, ...]] = Counter()
    for labels, words in _by_pronunciation(lexicon).items():
        for word in words:
            path = list(labels)
            if len(words) > 1:
                symbols[labels] += 1
                path.append(phones.PHONE_COUNT + symbols[labels])
            cost = math.log(len(lexicon[word]))
            for origin, extra in ((start, SILENCE_COST), (loop, 0.0)):
                _add_word(fst, origin, path, word_ids[word], cost=cost + extra, ends=(loop, after_silence))
    return fst, max(symbols.values(), default=0)


def _by_pronunciation(lexicon: Mapping[str, tuple[str, ...]]) -> dict[tuple[int, ...], list[str]]:
    found: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for word in sorted(lexicon):
        for variant in lexicon[word]:
            found[tuple(phones.positioned(variant.split()))].append(word)
    return found


def _add_word(
    fst: Transducer, origin: int, path: list[int], output: int, *, cost: float, ends: tuple[int, int]
) -> None:
    state = origin
    for label in path[:-1]:
        following = fst.add_state()
        fst.add_arc(state, Arc(following, label, output, cost))
        state, output, cost = following, 0, 0.0
    for end in ends:
        fst.add_arc(state, Arc(end, path[-1], output, cost + SILENCE_COST))


def hmm_transducer(lexicon: Transducer) -> Transducer:
    """Put HMMs under a determinized L. Disambiguation symbols come after the transition-ids."""
    return _HmmBuilder(lexicon).build()


@dataclass(slots=True)
class _HmmBuilder:
    lexicon: Transducer
    fst: Transducer = field(default_factory=Transducer)
    nodes: dict[tuple[int, int], int] = field(default_factory=dict)
    loops: dict[tuple[int, int, int], int] = field(default_factory=dict)
    waiting: list[tuple[int, int]] = field(default_factory=list)

    def build(self) -> Transducer:
        self._node(0, phones.LEFT_CLASS[phones.SILENCE_INDEX])
        while self.waiting:
            state, left_class = self.waiting.pop()
            origin = self.nodes[state, left_class]
            for arc in self.lexicon.arcs[state]:
                self._follow(origin, left_class, arc)
        return self.fst

    def _follow(self, origin: int, left_class: int, arc: Arc) -> None:
        if arc.label_in > phones.PHONE_COUNT:  # a disambiguation symbol makes no sound
            label = phones.TRANSITION_COUNT + arc.label_in - phones.PHONE_COUNT
            self.fst.add_arc(origin, Arc(self._node(arc.to, left_class), label, arc.label_out, arc.cost))
            return
        if arc.label_in == 0:
            raise ValueError("the lexicon must have no input epsilons: every word needs a phone")
        label = phones.forward_transition(arc.label_in, left_class)
        to = self._loop(arc.to, arc.label_in, left_class)
        self.fst.add_arc(origin, Arc(to, label, arc.label_out, arc.cost + _HALF))

    def _node(self, state: int, left_class: int) -> int:
        key = (state, left_class)
        if key not in self.nodes:
            self.nodes[key] = self.fst.add_state()
            self.waiting.append(key)
            if state in self.lexicon.final:
                self.fst.final[self.nodes[key]] = self.lexicon.final[state]
        return self.nodes[key]

    def _loop(self, state: int, phone_id: int, left_class: int) -> int:
        """Give the place where the phone may stay; from there it goes on from the node of its own class."""
        key = (state, phone_id, left_class)
        if key not in self.loops:
            own_class = phones.LEFT_CLASS[phones.base_of(phone_id)]
            self.loops[key] = self.fst.add_state()
            stay = phones.self_loop_transition(phone_id, left_class)
            self.fst.add_arc(self.loops[key], Arc(self.loops[key], stay, 0, _HALF))
            self.fst.add_arc(self.loops[key], Arc(self._node(state, own_class), 0, 0))
            if state in self.lexicon.final:
                self.fst.final[self.loops[key]] = self.lexicon.final[state]
        return self.loops[key]
