"""Words are found however they were written, and snippets mark what was found."""

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.search import QUERY_MAX_WORDS, SNIPPET_CHARS, Term, indexed, snippet, terms


def marked(text: str, query: str) -> list[str]:
    found = snippet(text, terms(query))
    return [found.text[low:high] for low, high in found.marks]


def test_persian_is_spelled_one_way() -> None:
    assert indexed("كتاب‌هاي ۱۲ و ١٣") == "کتاب های کتابهای 12 و 13"
    assert indexed("سَلام") == indexed("سلام") == indexed("ســلام")
    assert indexed("خانهٔ ما") == indexed("خانۀ ما")


def test_english_without_case_accents_and_apostrophes() -> None:
    assert indexed("Don't! The CAFÉ, well-known.") == "don t dont the cafe well known wellknown"


def test_a_query_has_no_syntax() -> None:
    assert terms('"a" OR b* NEAR(c)') == (
        Term(("a",)),
        Term(("or",)),
        Term(("b",)),
        Term(("near",)),
        Term(("c",), is_last=True),
    )
    assert terms("!!! ^ ' \x00 \ud800") == ()


def test_what_was_found_is_marked() -> None:
    assert marked("The camera's lens; cameras.", "camera") == ["camera's", "cameras"]
    assert marked("The cameras and a lens", "camera lens") == ["lens"]  # only the last word may go on
    assert marked("این کتاب‌ها خوب است", "كتابها") == ["کتاب‌ها"]


def test_a_long_text_is_cut_around_the_first_mark() -> None:
    found = snippet("word " * 100 + "needle" + " word" * 100, terms("needle"))
    assert found.text.startswith("…")
    assert found.text.endswith("…")
    assert "needle" in found.text
    assert len(found.text) <= SNIPPET_CHARS + 10


@given(st.text(max_size=400), st.text(max_size=60))
def test_any_text_and_any_query(text: str, query: str) -> None:
    wanted = terms(query)
    assert len(wanted) <= QUERY_MAX_WORDS
    assert all(part.isalnum() for term in wanted for part in term.parts)
    assert all(word.isalnum() for word in indexed(text).split())
    found = snippet(text, wanted)
    ends = [0, *(place for span in found.marks for place in span), len(found.text)]
    assert ends == sorted(ends)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20), st.text(max_size=20))
def test_a_text_is_found_by_its_own_words(word: str, around: str) -> None:
    text = f"{around} {word} {around}"
    words = indexed(text).split()
    for term in terms(word):
        assert all(part in words for part in term.parts)
    if terms(word):
        assert marked(text, word)
