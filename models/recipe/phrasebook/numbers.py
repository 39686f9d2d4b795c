"""Numbers in words of both languages and in figures: counts, prices, digits, sums."""

import random
from collections.abc import Iterable

from models.recipe.phrasebook.entries import Entry
from models.recipe.phrasebook.persian_spelling import HALF_SPACE

_ONES_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS_EN = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS_EN = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_ONES_FA = ("صفر یک دو سه چهار پنج شش هفت هشت نه ده یازده دوازده سیزده چهارده پانزده شانزده هفده هجده نوزده").split()
_TENS_FA = "_ _ بیست سی چهل پنجاه شصت هفتاد هشتاد نود".split()
_HUNDREDS_FA = "_ صد دویست سیصد چهارصد پانصد ششصد هفتصد هشتصد نهصد".split()
_FIGURES_FA = str.maketrans("0123456789,", "۰۱۲۳۴۵۶۷۸۹٬")
_GROUPED_FROM = 10_000

DIGIT_WORDS_EN = frozenset(_ONES_EN[:10]) | {"oh"}


def english(number: int) -> str:
    """``number``, 0 to 999 million, in English words."""
    if number < 20:
        return _ONES_EN[number]
    if number < 100:
        return _TENS_EN[number // 10] + (f" {_ONES_EN[number % 10]}" if number % 10 else "")
    for size, word in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{english(number // size)} {word}" + (f" {english(rest)}" if rest else "")
    raise ValueError(number)


def persian(number: int) -> str:
    """``number``, 0 to 999 million, in Persian words."""
    if number < 20:
        return _ONES_FA[number]
    if number < 100:
        head, rest = _TENS_FA[number // 10], number % 10
    elif number < 1000:
        head, rest = _HUNDREDS_FA[number // 100], number % 100
    elif number < 1_000_000:
        thousands, rest = divmod(number, 1000)
        head = "هزار" if thousands == 1 else f"{persian(thousands)} هزار"
    else:
        millions, rest = divmod(number, 1_000_000)
        head = f"{persian(millions)} میلیون"
    return f"{head} و {persian(rest)}" if rest else head


def english_ordinal(number: int) -> str:
    """``number``, 1 to 99, as an English ordinal."""
    if number <= 20:
        return _ORDINALS_EN[number]
    if number % 10 == 0:
        return _TENS_EN[number // 10][:-1] + "ieth"
    return f"{_TENS_EN[number // 10]} {_ORDINALS_EN[number % 10]}"


def persian_ordinal(number: int) -> str:
    """``number`` as a Persian ordinal."""
    if number == 1:
        return "اول"
    word = persian(number)
    if word.endswith("سه"):
        return word[:-2] + "سوم"
    return word + HALF_SPACE + "ام" if word.endswith("سی") else word + "م"


def to_persian_figures(text: str) -> str:
    """Latin figures as Persian ones, the comma of thousands as well."""
    return text.translate(_FIGURES_FA)


def counts(values: Iterable[int]) -> list[Entry]:
    """An entry for each of ``values``; from 10,000 its figures are grouped."""
    entries = []
    for value in values:
        shown = f"{value:,}" if value >= _GROUPED_FROM else str(value)
        entries.append(Entry(english(value), persian(value), figures=(shown, to_persian_figures(shown))))
    return entries


def ordinals(values: Iterable[int]) -> list[Entry]:
    """An ordinal for each of ``values``."""
    return [Entry(english_ordinal(value), persian_ordinal(value)) for value in values]


_PLUS, _MINUS = ("plus", "به علاوه‌ی"), ("minus", "منهای")


class DigitRun:
    """Spoken digits, as of a telephone number: ``shortest`` to ``longest``, with runs of equal ones."""

    _STICKY, _EQUAL = 0.35, 0.12  # shares of strings with runs, and of one digit alone
    _REPEAT = 0.55  # in a sticky string, the chance that a digit is said again

    def __init__(self, shortest: int, longest: int) -> None:
        self._lengths = (shortest, longest)

    def draw(self, rng: random.Random) -> Entry:
        """A new run."""
        length, kind = rng.randint(*self._lengths), rng.random()
        repeat = 1.0 if kind < self._EQUAL else self._REPEAT if kind < self._EQUAL + self._STICKY else 0.0
        digits = [rng.randrange(10)]
        while len(digits) < length:
            digits.append(digits[-1] if rng.random() < repeat else rng.randrange(10))
        zero = "oh" if rng.random() < 0.5 else "zero"
        shown = "".join(map(str, digits))
        if length > 5 and rng.random() < 0.5:
            shown = f"{shown[:3]} {shown[3:]}"
        return Entry(
            " ".join(_ONES_EN[digit] if digit else zero for digit in digits),
            " ".join(_ONES_FA[digit] for digit in digits),
            figures=(shown, to_persian_figures(shown)),
        )

    def everything(self) -> list[Entry]:
        """Each digit, zero by both names."""
        return [Entry(" ".join(sorted(DIGIT_WORDS_EN)), " ".join(_ONES_FA[:10]))]


class Sum:
    """Two numbers and their sum."""

    def draw(self, rng: random.Random) -> Entry:
        """A new sum, at most 99."""
        first, second = rng.randint(1, 60), rng.randint(1, 39)
        return _calculation(first, second, first + second, _PLUS)

    def everything(self) -> list[Entry]:
        """One that holds each word."""
        return [_calculation(number, number, number, _PLUS) for number in range(1, 100)]


class Difference:
    """Two numbers and their difference."""

    def draw(self, rng: random.Random) -> Entry:
        """A new difference, at least 1."""
        first = rng.randint(3, 99)
        second = rng.randint(1, first - 1)
        return _calculation(first, second, first - second, _MINUS)

    def everything(self) -> list[Entry]:
        """One that holds each word."""
        return [_calculation(number, number, number, _MINUS) for number in range(1, 100)]


def _calculation(first: int, second: int, result: int, operator: tuple[str, str]) -> Entry:
    en, fa = operator
    figures_fa = [to_persian_figures(str(value)) for value in (first, second, result)]
    return Entry(
        f"{english(first)} {en} {english(second)} is {english(result)}",
        f"{persian(first)} {fa} {persian(second)} می‌شود {persian(result)}",
        figures=(f"{first} {en} {second} is {result}", f"{figures_fa[0]} {fa} {figures_fa[1]} می‌شود {figures_fa[2]}"),
    )


FEW = counts(range(2, 7))
SMALL = counts(range(2, 13))
NUMBERS = counts(range(2, 100))
DEGREES = counts(range(1, 43))
AGES = counts(range(4, 96))
MINUTES = counts((2, 3, 5, 10, 15, 20, 25, 30, 40, 45, 50))
PRICES = counts(
    sorted(
        {*range(2, 100), *range(100, 1000, 50), *range(110, 1000, 37), *range(1000, 10_000, 500)}
        | {*range(10_000, 100_000, 5_000), 200_000, 500_000}
    )
)
BIG = counts(sorted({*range(100, 1000, 7), *range(1000, 10_000, 113), *range(10_000, 100_000, 3_000)}))
MILLIONS = counts([*range(1_000_000, 20_000_000, 1_000_000), *range(20_000_000, 100_000_001, 10_000_000)])
ROOM_NUMBERS = counts(sorted({*range(1, 60), *range(100, 900, 101), *range(200, 900, 100)}))
ORDINALS = ordinals(range(1, 13))
