"""Days, dates, clock times and spans of time, in words of both languages and in figures."""

from models.recipe.phrasebook.entries import Entry
from models.recipe.phrasebook.numbers import (
    english,
    english_ordinal,
    persian,
    persian_ordinal,
    to_persian_figures,
)
from models.recipe.phrasebook.persian_spelling import ezafe

MONTHS = [
    Entry(en, fa)
    for en, fa in (
        ("january", "ژانویه"),
        ("february", "فوریه"),
        ("march", "مارس"),
        ("april", "آوریل"),
        ("may", "مه"),
        ("june", "ژوئن"),
        ("july", "ژوئیه"),
        ("august", "اوت"),
        ("september", "سپتامبر"),
        ("october", "اکتبر"),
        ("november", "نوامبر"),
        ("december", "دسامبر"),
    )
]
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAYS = [
    Entry(en, fa)
    for en, fa in (
        ("monday", "دوشنبه"),
        ("tuesday", "سه‌شنبه"),
        ("wednesday", "چهارشنبه"),
        ("thursday", "پنج‌شنبه"),
        ("friday", "جمعه"),
        ("saturday", "شنبه"),
        ("sunday", "یکشنبه"),
    )
]
PARTS_OF_DAY = (("morning", "صبح"), ("afternoon", "بعدازظهر"), ("evening", "عصر"), ("night", "شب"))
UNITS = {"minutes": "دقیقه", "hours": "ساعت", "days": "روز", "weeks": "هفته", "months": "ماه", "years": "سال"}


def around(entries: list[Entry], en: str, fa: str = "{}") -> list[Entry]:
    """``entries`` with words around them: ``{}`` stands for the entry on each side."""
    return [
        Entry(
            en.format(entry.en),
            fa.format(entry.fa),
            figures=(en.format(entry.figures[0]), fa.format(entry.figures[1])) if entry.figures else None,
        )
        for entry in entries
    ]


def spans(
    en: str, fa: str, counts: tuple[int, ...] | range, units: tuple[str, ...], *, linked: bool = False
) -> list[Entry]:
    """Counts of units of time in a frame, as ``in {} days``. ``linked``: an adjective follows in Persian."""
    entries = []
    for count in counts:
        for unit in units:
            word = ezafe(UNITS[unit]) if linked else UNITS[unit]
            entries.append(
                Entry(
                    en.format(f"{english(count)} {unit}"),
                    fa.format(f"{persian(count)} {word}"),
                    figures=(en.format(f"{count} {unit}"), fa.format(f"{to_persian_figures(str(count))} {word}")),
                )
            )
    return entries


def _suffix(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _dates() -> list[Entry]:
    entries = []
    for month, length in zip(MONTHS, _MONTH_LENGTHS, strict=True):
        for day in range(1, length + 1):
            shown_fa = f"{to_persian_figures(str(day))} {month.fa}"
            spoken, spoken_fa = english_ordinal(day), f"{persian_ordinal(day)} {month.fa}"
            plain = str(day) if day % 2 else f"{day}{_suffix(day)}"
            entries += [
                Entry(f"{month.en} {spoken}", spoken_fa, figures=(f"{month.en} {plain}", shown_fa)),
                Entry(
                    f"the {spoken} of {month.en}",
                    spoken_fa,
                    figures=(f"the {day}{_suffix(day)} of {month.en}", shown_fa),
                ),
            ]
    return entries


def _date_spans() -> list[Entry]:
    entries = []
    for month in MONTHS:
        for first in range(1, 26, 3):
            for last in (first + 2, first + 4, first + 7):
                if last < 29:
                    en = f"{month.en} {{}} to {month.en} {{}}"
                    fa = f"{{}} {month.fa} تا {{}} {month.fa}"
                    entries.append(
                        Entry(
                            en.format(english_ordinal(first), english_ordinal(last)),
                            fa.format(persian_ordinal(first), persian_ordinal(last)),
                            figures=(
                                en.format(first, last),
                                to_persian_figures(fa.format(first, last)),
                            ),
                        )
                    )
    return entries


def _at(en: str, fa: str, shown: str, shown_fa: str = "") -> Entry:
    return Entry(en, f"ساعت {fa}", figures=(shown, f"ساعت {to_persian_figures(shown_fa or shown)}"))


def _hour_and_minutes(hour: int) -> list[Entry]:
    en, fa, before = english(hour), persian(hour), (hour - 2) % 12 + 1
    entries = [
        _at(en, fa, f"{hour}:00"),
        _at(f"{en} o'clock", fa, f"{hour} o'clock", str(hour)),
        _at(f"{en} thirty", f"{fa} و نیم", f"{hour}:30"),
        _at(f"half past {en}", f"{fa} و نیم", f"{hour}:30"),
        _at(f"{en} fifteen", f"{fa} و ربع", f"{hour}:15"),
        _at(f"a quarter past {en}", f"{fa} و ربع", f"{hour}:15"),
        _at(f"a quarter to {en}", f"یک ربع به {fa}", f"{before}:45"),
    ]
    for minutes in (5, 10, 20, 25):
        past = f"{fa} و {persian(minutes)} دقیقه"
        entries += [
            _at(f"{english(minutes)} past {en}", past, f"{hour}:{minutes:02d}"),
            _at(f"{english(minutes)} to {en}", f"{persian(minutes)} دقیقه به {fa}", f"{before}:{60 - minutes}"),
        ]
        if minutes >= 10:
            entries.append(_at(f"{en} {english(minutes)}", past, f"{hour}:{minutes}"))
    entries += [
        _at(f"{en} {english(minutes)}", f"{fa} و {persian(minutes)} دقیقه", f"{hour}:{minutes}")
        for minutes in (40, 45, 50)
    ]
    return entries


def _clock() -> list[Entry]:
    entries = []
    for hour in range(1, 13):
        entries += _hour_and_minutes(hour)
        for frame, fa, half, hours in (
            ("in the morning", "صبح", "am", range(5, 12)),
            ("in the afternoon", "بعدازظهر", "pm", range(1, 6)),
            ("in the evening", "عصر", "pm", range(6, 8)),
            ("at night", "شب", "pm", range(8, 12)),
        ):
            if hour in hours:
                entries += [
                    _at(f"{english(hour)} {frame}", f"{persian(hour)} {fa}", f"{hour} {half}", f"{hour} {fa}"),
                    _at(
                        f"{english(hour)} thirty {frame}",
                        f"{persian(hour)} و نیم {fa}",
                        f"{hour}:30 {half}",
                        f"{hour}:30 {fa}",
                    ),
                ]
    return entries


def _hours_open() -> list[Entry]:
    return [
        _at(
            f"{english(first)} to {english(last)}",
            f"{persian(first)} تا {persian(last)}",
            f"{first} to {last}",
            f"{first} تا {last}",
        )
        for first in range(6, 13)
        for last in (*range(first + 1, 13), *range(1, 9))
        if (last - first) % 12 < 10
    ]


def _years() -> list[Entry]:
    def spoken(year: int) -> str:
        if year < 2000:
            return f"nineteen {english(year - 1900)}"
        if year < 2010:
            return "two thousand" + (f" and {english(year - 2000)}" if year > 2000 else "")
        return f"twenty {english(year - 2000)}"

    return [Entry(spoken(y), persian(y), figures=(str(y), to_persian_figures(str(y)))) for y in range(1950, 2031)]


DATES = _dates()
DATE_SPANS = _date_spans()
CLOCK = _clock()
HOURS_OPEN = _hours_open()
YEARS = _years()
ON_DATE = around(DATES, "on {}")
AT_CLOCK = around(CLOCK, "at {}")
ON_DAY = around(DAYS, "on {}")
PART_OF_A_DAY = [Entry(f"on {day.en} {en}", f"{day.fa} {fa}") for day in DAYS for en, fa in PARTS_OF_DAY]
DAY_AND_CLOCK = [
    entry
    for day in [Entry("tomorrow", "فردا"), Entry("today", "امروز"), *ON_DAY]
    for entry in around(CLOCK, day.en + " at {}", day.fa + " {}")
]
