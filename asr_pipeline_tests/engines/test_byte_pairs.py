"""Argos packages with byte pairs: the same tokens and texts as argostranslate's own."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.engines.argos_package import open_package
from asr_pipeline.engines.byte_pairs import BytePairTokenizer
from asr_pipeline_tests.engines.argos_itself import argostranslate

SENTENCES = [
    "",
    "The camera in the garden is broken.",
    "  It's “quoted” — isn't it?  A/B & C <d> [e]…",
    "www.example.org costs $1,000.50 (really!), on the 3rd.",
    "naïve café, \u200cمعلم ما تب دارد",
]
MERGES = ["t h", "th e</w>", "i n", "in g</w>", "a r", "ar d", "e n</w>", "i s</w>", "c a", "& a", "a m", "am p"]

_pieces = st.text("ab", min_size=1, max_size=3)
_ends = st.sampled_from(["", "</w>"])


def package(folder: Path, merges: list[str], version: str = "0.2") -> Path:
    (folder / "metadata.json").write_text(json.dumps({"from_code": "en", "to_code": "es", "package_version": "1.9"}))
    (folder / "bpe.model").write_text("\n".join([f"#version: {version}", *merges, ""]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.2.0"])
def test_tokens_and_texts_are_those_of_argos(tmp_path: Path, version: str) -> None:
    folder = package(tmp_path, MERGES, version)
    theirs = argostranslate("package").Package(folder).tokenizer
    ours = open_package(folder).tokenizer
    for sentence in SENTENCES:
        tokens = ours.encode(sentence)
        assert tokens == theirs.encode(sentence)
        assert ours.decode(tokens) == theirs.decode(tokens)
    assert ours.encode("the garden") == ["the", "g@@", "ard@@", "en"] or version == "0.1"


@given(
    merges=st.lists(st.tuples(_pieces, _pieces, _ends).map(lambda parts: f"{parts[0]} {parts[1]}{parts[2]}")),
    words=st.lists(st.text("ab", min_size=1, max_size=12), max_size=5),
    version=st.sampled_from(["0.1", "0.2"]),
)
def test_words_are_cut_as_argos_cuts_them(merges: list[str], words: list[str], version: str) -> None:
    theirs = argostranslate("apply_bpe").BPE(io.StringIO("\n".join([f"#version: {version}", *merges])))
    ours = BytePairTokenizer(Path("unused"), "en", "es")
    ranks = {tuple(line.split(" ")): rank for rank, line in reversed(list(enumerate(merges)))}
    ours.__dict__["_merges"] = (version, ranks)
    for word in words:
        pieces = ours._merge(word)
        assert [*(f"{piece}@@" for piece in pieces[:-1]), pieces[-1]] == theirs.segment_tokens([word])


@pytest.mark.parametrize(
    ("merges", "version", "told"),
    [(["a b c"], "0.2", "no pair"), (["a b"], "0.3", "format 0.3"), ([""], "0.2", "no pair")],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, merges: list[str], version: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        open_package(package(tmp_path, merges, version)).tokenizer.encode("")


def test_a_pair_that_is_listed_twice_has_its_first_rank(tmp_path: Path) -> None:
    tokenizer = open_package(package(tmp_path, ["a b", "b c</w>", "a b"])).tokenizer
    assert tokenizer.encode("abc") == ["ab@@", "c"]
