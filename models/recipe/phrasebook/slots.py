"""What each slot of a template draws from: word classes of ``words/``, numbers, times, people, verb phrases."""

from functools import cache

from models.recipe.phrasebook import calendar_times as times
from models.recipe.phrasebook import numbers, people
from models.recipe.phrasebook.entries import Entry
from models.recipe.phrasebook.numbers import Difference, DigitRun, Sum
from models.recipe.phrasebook.persian_spelling import ezafe
from models.recipe.phrasebook.templates import OneOf, Slots, Source
from models.recipe.phrasebook.text_files import word_classes
from models.recipe.phrasebook.verb_phrases import VerbPhrases, patterns


@cache
def all_slots() -> Slots:
    """Every slot by its name."""
    classes = word_classes()
    slots: dict[str, list[Entry] | Source] = {}
    slots |= classes
    slots |= _numbers()
    slots |= _times(classes)
    slots |= people.slots(classes)
    phrases = patterns()
    slots |= {
        "vp": VerbPhrases(phrases, slots, lambda marks: "news" not in marks),
        "act": VerbPhrases(phrases, slots, lambda marks: not marks & {"instant", "news"}),
        "rout": VerbPhrases(phrases, slots, lambda marks: "routine" in marks),
        "findable": VerbPhrases(phrases, slots, lambda marks: "findable" in marks),
        "job_vp": VerbPhrases(phrases, slots, lambda marks: "work" in marks),
        "news_vp": VerbPhrases(phrases, slots, lambda marks: "news" in marks),
    }
    return slots


def _numbers() -> dict[str, list[Entry] | Source]:
    return {
        "num": numbers.NUMBERS,
        "small": numbers.SMALL,
        "few": numbers.FEW,
        "deg": numbers.DEGREES,
        "age": numbers.AGES,
        "mins": numbers.MINUTES,
        "price": numbers.PRICES,
        "big": numbers.BIG,
        "million": numbers.MILLIONS,
        "roomno": numbers.ROOM_NUMBERS,
        "ord": numbers.ORDINALS,
        "digits": DigitRun(3, 10),
        "code": DigitRun(3, 5),
        "sum": Sum(),
        "diff": Difference(),
    }


def _times(classes: dict[str, list[Entry]]) -> dict[str, list[Entry] | Source]:
    days, parts = times.ON_DAY, times.PART_OF_A_DAY
    soon = times.spans("in {}", "{} دیگر", (2, 3, 4, 5, 6, 10), ("hours", "days", "weeks", "months"), linked=True)
    soon += (
        times.spans("in {}", "{} دیگر", (2, 5, 10, 15, 20, 30, 45), ("minutes",), linked=True) + classes["soon_words"]
    )
    next_days = [Entry(f"next {day.en}", ezafe(day.fa) + " آینده") for day in times.DAYS]
    last_days = [Entry(f"last {day.en}", ezafe(day.fa) + " گذشته") for day in times.DAYS]
    before_days = times.around(times.DAYS, "before {}", "قبل از {}")
    in_month = times.around(times.MONTHS, "in {}", "در {}")
    set_day = classes["set_words"] + days + next_days + parts
    future = classes["set_words"] + classes["future_words"] + days + next_days + parts + before_days
    durations = times.spans("{}", "{}", range(2, 13), ("minutes", "hours", "days", "weeks", "months"))
    return {
        "clock": times.CLOCK,
        "at": times.AT_CLOCK,
        "date": times.DATES,
        "datespan": times.DATE_SPANS,
        "ondate": times.ON_DATE,
        "dayat": times.DAY_AND_CLOCK,
        "day": times.DAYS,
        "month": times.MONTHS,
        "year": times.YEARS,
        "span": times.HOURS_OPEN,
        "setday": set_day,
        "set": OneOf(set_day, times.ON_DATE, times.AT_CLOCK, times.DAY_AND_CLOCK, weights=[4, 1, 1, 3]),
        "when": OneOf(future, soon),
        "fut": OneOf(future, soon, times.ON_DATE, times.AT_CLOCK, times.DAY_AND_CLOCK, weights=[6, 2, 1, 2, 2]),
        "past": classes["past_words"]
        + times.spans("{} ago", "{} پیش", (2, 3, 4, 5, 6, 8, 10, 20), ("minutes", "hours", "days", "weeks"))
        + days
        + last_days
        + [entry for entry in parts if not entry.en.endswith("evening")],
        "farpast": classes["farpast_words"]
        + times.spans("{} ago", "{} پیش", range(2, 13), ("weeks", "months", "years"))
        + in_month
        + times.around(times.YEARS[40:70], "in {}", "در سال {}"),
        "farfut": OneOf(
            classes["farfuture_words"],
            times.spans("in {}", "{} دیگر", range(2, 9), ("weeks", "months", "years"), linked=True),
            in_month,
            times.ON_DATE,
            weights=[3, 3, 2, 2],
        ),
        "soonday": classes["soonday_words"] + days + parts,
        "habit": classes["habit_words"] + times.around(times.DAYS, "every {}", "هر {}"),
        "time": classes["while_words"] + times.spans("{}", "{}", range(2, 13), ("minutes", "hours")),
        "hours": classes["hour_words"] + times.spans("{}", "{}", range(2, 13), ("hours",)),
        "stay": classes["stay_words"] + times.spans("{}", "{}", range(2, 13), ("days", "weeks", "months")),
        "dur": durations,
    }
