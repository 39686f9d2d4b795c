"""The tokenizer keeps the half space, folds case, and cuts figures into single ones."""

from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor

from models.recipe.translator import data, tokenizer
from models.recipe.translator.sizes import DRY_RUN


def _silent(text: str) -> None:
    del text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translator")
    data.make(folder, DRY_RUN, seed=7, say=_silent)
    tokenizer.train(folder, DRY_RUN.pieces)
    return folder


@pytest.fixture(scope="module")
def pieces(made: Path) -> SentencePieceProcessor:
    return tokenizer.load(made / "tokenizer.model")


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم فردا به کتابخانه‌ی تهران بروم؟",
        "بچه‌ها نرفته‌اند، گوشی‌ام خراب است.",
        "قیمت آن ۱۲٬۵۰۰ تومان است",
        "please call zorkel at 5:30",
    ],
)
def test_round_trip(pieces: SentencePieceProcessor, text: str) -> None:
    assert pieces.decode_pieces(pieces.encode(text, out_type=str)) == text


def test_case_quotes_and_arabic_letters_are_folded(pieces: SentencePieceProcessor) -> None:
    assert pieces.encode("I DON’T know") == pieces.encode("i don't know")
    assert pieces.encode("علي كتاب") == pieces.encode("علی کتاب")


@pytest.mark.parametrize("figures", ["5551234", "۵۵۵۱۲۳۴"])
def test_each_figure_is_a_piece(pieces: SentencePieceProcessor, figures: str) -> None:
    found = [piece for piece in pieces.encode(figures, out_type=str) if piece != "▁"]
    assert [piece.removeprefix("▁") for piece in found] == list(figures)


def test_the_ids_are_those_that_the_network_counts_on(pieces: SentencePieceProcessor) -> None:
    names = [pieces.id_to_piece(number) for number in range(4)]
    assert names == ["<unk>", "<s>", "</s>", "<pad>"]
    assert (tokenizer.UNKNOWN, tokenizer.START, tokenizer.END, tokenizer.PADDING) == (0, 1, 2, 3)


def test_no_test_sentence_was_trained_on(made: Path) -> None:
    trained = {source for source, _ in data.read(made / "train.tsv")}
    for name in data.TESTS:
        lines = data.read(made / f"test_{name}.tsv")
        assert lines, name
        assert not trained & {source for source, _ in lines}, name


def test_data_that_is_there_is_kept(made: Path) -> None:
    said: list[str] = []
    data.make(made, DRY_RUN, seed=8, say=said.append)
    assert said == ["data: already there"]
