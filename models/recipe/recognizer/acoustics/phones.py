"""Phones, their HMM topology, and how pdfs and transition-ids are numbered.

39 CMU phones without stress, SIL, and SPN ("spoken noise", the pronunciation of [unk]). In the lexicon a phone
carries its place in the word (_B _E _I _S), which libvosk's word alignment needs; the four share their pdfs.

Topology: Kaldi's "chain": one emitting state a phone. The first frame of a phone is scored by a forward pdf, each
further frame by a self-loop pdf. Both depend on the phone and on the class of the phone before it (a left biphone
whose left side is tied by hand to 8 classes: place of articulation carries most of what a neighbour changes).
"""

from dataclasses import dataclass

CMU_PHONES = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
SILENCE = "SIL"
SPOKEN_NOISE = "SPN"
BASE_PHONES = (SILENCE, SPOKEN_NOISE, *CMU_PHONES)
BASE_INDEX = {phone: index for index, phone in enumerate(BASE_PHONES)}
SILENCE_INDEX = BASE_INDEX[SILENCE]
SPOKEN_NOISE_INDEX = BASE_INDEX[SPOKEN_NOISE]

LEFT_CLASSES = (
    "SIL SPN HH",
    "IY IH EY Y",
    "EH AE AY",
    "AA AH AO AW",
    "ER R L",
    "UW UH OW OY W",
    "B P M F V",
    "D T N S Z TH DH K G NG SH ZH CH JH",
)
"""Phones that colour what follows them alike: pause, front, open front, open back, liquid, round, lips, tongue."""

LEFT_CLASS_COUNT = len(LEFT_CLASSES)
LEFT_CLASS = tuple(
    next(number for number, members in enumerate(LEFT_CLASSES) if phone in members.split()) for phone in BASE_PHONES
)
"""Class of each base phone, as the left neighbour of another."""

PDF_COUNT = 2 * len(BASE_PHONES) * LEFT_CLASS_COUNT


def forward_pdf(base: int, left_class: int) -> int:
    """Number the pdf of the first frame of a phone; the self-loop pdf is the next one."""
    return 2 * (base * LEFT_CLASS_COUNT + left_class)


@dataclass(frozen=True, slots=True)
class PositionPhone:
    """A phone of the lexicon. `boundary` is its kind in word_boundary.int."""

    name: str
    base: int
    boundary: str


_PLACES = (("B", "begin"), ("E", "end"), ("I", "internal"), ("S", "singleton"))

POSITION_PHONES = (
    PositionPhone(SILENCE, SILENCE_INDEX, "nonword"),
    PositionPhone(f"{SPOKEN_NOISE}_S", SPOKEN_NOISE_INDEX, "singleton"),
    *(
        PositionPhone(f"{phone}_{suffix}", BASE_INDEX[phone], boundary)
        for phone in CMU_PHONES
        for suffix, boundary in _PLACES
    ),
)
"""Kaldi numbers them from 1 in this order."""

PHONE_COUNT = len(POSITION_PHONES)
PHONE_ID = {phone.name: number for number, phone in enumerate(POSITION_PHONES, 1)}
TRANSITION_COUNT = 2 * PHONE_COUNT * LEFT_CLASS_COUNT


def base_of(phone_id: int) -> int:
    """Give the base phone of a phone of the lexicon."""
    return POSITION_PHONES[phone_id - 1].base


def self_loop_transition(phone_id: int, left_class: int) -> int:
    """Number the transition-id that stays in the phone; Kaldi sorts them by phone, then by pdf."""
    return 2 * ((phone_id - 1) * LEFT_CLASS_COUNT + left_class) + 1


def forward_transition(phone_id: int, left_class: int) -> int:
    """Number the transition-id of the phone's first frame."""
    return self_loop_transition(phone_id, left_class) + 1


def positioned(phones: list[str]) -> list[int]:
    """Put phones into their places in a word: K AE T gives the ids of K_B AE_I T_E."""
    if len(phones) == 1:
        return [PHONE_ID[f"{phones[0]}_S"]]
    first, *middle, last = phones
    return [PHONE_ID[f"{first}_B"], *(PHONE_ID[f"{phone}_I"] for phone in middle), PHONE_ID[f"{last}_E"]]
