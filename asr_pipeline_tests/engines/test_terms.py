"""Terms put into translations: by the real translator on sentences whose right result is known, and by rule."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from zipfile import ZipFile

import pytest

from asr_pipeline.domain.glossary import Glossary, glossary_entry
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.engines.terms import Attention, Decoded, Replacement, replacements

CASES = Path(__file__).parent / "glossary_cases.tsv"
SENTENCES_THAT_MAY_DIFFER = 3
KNOWN_WRONG = {  # sentence: what comes out instead
    "My phone number is zero eight five two seven eight.": "half of two Persian words is put",
    "The contract is on the desk.": "half of two Persian words is put",
    "I have an appointment with the dentist on thursday.": "nothing is put",
}


@pytest.fixture(scope="module")
def package(starter_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the starter package."""
    folder = tmp_path_factory.mktemp("argos")
    with ZipFile(starter_models / "translate-en_fa-starter.argosmodel") as archive:
        archive.extractall(folder)
    return folder / "translate-en_fa-starter"


@pytest.fixture(scope="module")
def translator(package: Path) -> ArgosTranslator:
    return ArgosTranslator((package,))


def persian(**terms: str) -> Glossary:
    return Glossary(glossary_entry(term.replace("_", " "), translation, "fa") for term, translation in terms.items())


def translated(translator: ArgosTranslator, sentences: Sequence[str], glossary: Glossary | None = None) -> list[str]:
    return translator.translate(sentences, source="en", target="fa", glossary=glossary)


def cases() -> list[list[str]]:
    with CASES.open(encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t"))[1:]


@pytest.mark.engine
def test_each_term_is_put_in_its_place_and_the_sentence_stays_as_it_was(translator: ArgosTranslator) -> None:
    wrong, otherwise = [], []
    for _, sentence, term, required, rendering, in_its_place in cases():
        [plain] = translated(translator, [sentence])
        if rendering not in plain:  # int8 arithmetic is not the same on all processors; a word it never saw shows that
            otherwise.append(sentence)
            continue
        expected = plain.replace(rendering, in_its_place, 1) if rendering else plain
        glossary = persian(**{term: required})
        [result] = translated(translator, [sentence], glossary)
        if result != expected:
            wrong.append(sentence)
        elif not rendering:  # the model dropped the word: that is told
            assert [entry.term for entry in glossary.missing(sentence, result)] == [term]
        else:
            assert glossary.missing(sentence, result) == []
    otherwise += [sentence for sentence in wrong if sentence not in KNOWN_WRONG]
    assert len(otherwise) <= SENTENCES_THAT_MAY_DIFFER, otherwise


@pytest.mark.engine
def test_several_terms_in_a_sentence_are_all_put(translator: ArgosTranslator) -> None:
    for sentence, rows in groupby(cases(), key=lambda row: row[1]):
        terms = [row for row in rows if row[4] and sentence not in KNOWN_WRONG]
        if len(terms) < 2:
            continue
        [expected] = translated(translator, [sentence])
        for _, _, _, _, rendering, in_its_place in terms:
            expected = expected.replace(rendering, in_its_place, 1)
        glossary = persian(**{row[2]: row[3] for row in terms})
        assert translated(translator, [sentence], glossary) == [expected]


@pytest.mark.engine
@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_batch_gives_what_each_sentence_gives_alone(package: Path, beam_size: int) -> None:
    translator = ArgosTranslator((package,), beam_size=beam_size, batch_tokens=64)
    sentences = sorted({row[1] for row in cases()})[:20]
    glossary = persian(camera="دوربین مداربسته", teacher="آموزگار", mother="والده", hotel="مهمانخانه")
    alone = [translated(translator, [sentence], glossary)[0] for sentence in sentences]
    assert translated(translator, sentences, glossary) == alone
    plain = translated(translator, sentences)
    for sentence, result, before in zip(sentences, alone, plain, strict=True):
        assert glossary.find(sentence) or result == before


@pytest.mark.engine
def test_a_term_that_is_used_already_and_one_that_is_not_said_change_nothing(translator: ArgosTranslator) -> None:
    sentences = ["The camera in the garden is broken.", "Our teacher has a fever."]
    plain = translated(translator, sentences)
    assert translated(translator, sentences, persian(camera="دوربین", airport="میدان")) == plain
    assert translated(translator, ["", *sentences], Glossary()) == ["", *plain]


@pytest.mark.engine
def test_a_sentence_that_is_nothing_but_a_term_stays_plain(translator: ArgosTranslator) -> None:
    assert translated(translator, ["Camera"], persian(camera="کمرا")) == translated(translator, ["Camera"])


@pytest.mark.engine
def test_terms_are_put_into_every_part_of_a_sentence_that_was_divided(translator: ArgosTranslator) -> None:
    long = " ".join(["The camera in the garden is broken."] * 40)
    [result] = translated(translator, [long], persian(camera="دوربین مداربسته"))
    assert result == " ".join(["دوربین مداربسته باغ خراب است."] * 40)


# The rule, with figures made up


ENGLISH = ["▁the", "▁house", "▁stands", "."]


@dataclass
class Answers:
    """A witness with one sentence's attention, and what each target token loses without some source tokens."""

    attention_to: Sequence[Sequence[float]]
    losses: Sequence[float]

    def attention(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> list[Attention]:  # noqa: ARG002
        return [self.attention_to]

    def log_probabilities(
        self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
    ) -> list[Sequence[float]]:
        assert len(sources) == len(targets)
        return [[0.0 if len(one) == len(ENGLISH) else -loss for loss in self.losses] for one in sources]


def put(
    attention: Attention,
    losses: Sequence[float],
    *terms: str,
    target: str = "▁das ▁haus ▁steht .",
    language: str = "de",
) -> list[Replacement]:
    """Put "X term" for each term into a translation of `ENGLISH`."""
    glossary = Glossary((glossary_entry(term, f"X {term}", language) for term in terms), language=language)
    one = Decoded(ENGLISH, target.split(), target.replace("▁", ""))
    return replacements([one], glossary, Answers(attention, losses))[0]


HOUSE: Attention = [[0.6, 0.4, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_both_witnesses_must_point_at_a_word() -> None:
    assert put(HOUSE, [0, 5, 0, 0], "house") == [Replacement(1, 2, "X house")]
    assert put(HOUSE, [0, 0, 5, 0], "house") == []
    assert put(HOUSE, [5, 5, 0, 0], "house") == [Replacement(0, 2, "X house")]


def test_two_runs_that_differ_are_not_clear_and_equal_ones_are_both_it() -> None:
    scattered: Attention = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    assert put(scattered, [5, 0, 5, 0], "house", target="▁haus ▁steht ▁da .") == []
    twice = put(scattered, [5, 0, 5, 0], "house", target="▁haus ▁steht ▁haus .")
    assert twice == [Replacement(0, 1, "X house"), Replacement(2, 3, "X house")]


def test_two_terms_that_claim_the_same_words_are_both_left() -> None:
    both: Attention = [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert put(both, [0, 5, 0, 0], "house", "the") == []


def test_a_run_far_longer_than_the_term_is_no_rendering_of_it() -> None:
    all_of_it: Attention = [[0, 1, 0, 0]] * 4
    assert put(all_of_it, [5, 5, 5, 5], "house", target="▁eins ▁zwei ▁drei ▁vier") == []
    assert put(all_of_it, [5, 5, 5, 5], "house", target="▁eins ▁zwei ▁drei .") == [Replacement(0, 3, "X house")]


def test_tokens_of_another_kind_are_left_alone() -> None:
    other = Decoded(["the", "house"], ["das", "haus"], "das haus")
    glossary = Glossary([glossary_entry("house", "X", "de")], language="de")
    assert replacements([other], glossary, Answers([], [])) == [[]]


def test_leaning_words_are_never_part_of_a_persian_term() -> None:
    attention = [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    found = put(attention, [5, 5, 0, 0], "house", target="▁خانه ▁را ▁دیدم .", language="fa")
    assert found == [Replacement(0, 1, "X house")]
