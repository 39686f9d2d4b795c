"""One sentencepiece model for both languages, which keeps the Persian half space.

The tables that come with sentencepiece (``nmt_nfkc``) turn U+200C into a space, so the model gets one of its own: Latin
letters to lower case, curly quotes to straight ones, Arabic ye and kaf to Persian ones.
"""

from pathlib import Path

import sentencepiece

from models.recipe.translator import data

UNKNOWN, START, END, PADDING = 0, 1, 2, 3
"""Ids of the pieces ``<unk> <s> </s> <pad>``."""

_FOLDED = {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)} | {
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "…": ".",
    "–": "-",
    "—": "-",
    "\u00a0": " ",
    "\t": " ",
    "ي": "ی",
    "ك": "ک",
    "!": ".",
}
_ALONE = [".", "،", "؟", "?", ",", ":", "$", "%", "-", "٬", *"0123456789", *"۰۱۲۳۴۵۶۷۸۹"]
"""Characters that are pieces by themselves: a figure that is cut up can be copied one by one."""

_TEXT_LINES = 300_000  # read for training; more changes nothing


def train(folder: Path, pieces: int) -> Path:
    """Train on ``train.tsv`` in ``folder``, unless ``tokenizer.model`` lies beside it; gives the model's path."""
    target = folder / "tokenizer.model"
    if target.exists():
        return target
    table = folder / "normalization.tsv"
    table.write_text("".join(f"{ord(old):X}\t{ord(new):X}\n" for old, new in _FOLDED.items()))
    text = folder / "tokenizer.txt"
    lines = data.read(folder / "train.tsv")[: _TEXT_LINES // 2]
    text.write_text("".join(f"{side}\n" for line in lines for side in line), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "new_tokenizer"),
        vocab_size=pieces,
        hard_vocab_limit=False,
        model_type="bpe",  # unigram parts even frequent words where a piece is as frequent as the space
        character_coverage=1.0,
        normalization_rule_tsv=str(table),
        byte_fallback=True,
        split_digits=True,
        split_by_unicode_script=False,  # a script's end would part words at the half space
        user_defined_symbols=_ALONE,
        required_chars="abcdefghijklmnopqrstuvwxyz'",
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        pad_id=PADDING,
        num_threads=2,
        input_sentence_size=160_000,
        shuffle_input_sentence=True,
        max_sentencepiece_length=20,
        minloglevel=2,
    )
    text.unlink()
    (folder / "new_tokenizer.vocab").unlink()
    (folder / "new_tokenizer.model").replace(target)
    return target


def load(path: Path) -> sentencepiece.SentencePieceProcessor:
    """The model at ``path``."""
    return sentencepiece.SentencePieceProcessor(model_file=str(path))
