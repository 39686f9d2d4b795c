"""Conjugation of Persian verbs, from two stems each."""

from dataclasses import dataclass

from models.recipe.phrasebook.persian_spelling import HALF_SPACE as Z

PERSONS = (1, 3, 4, 5, 6)
"""First, third singular; first, second, third plural. The familiar second singular is not used."""

_PRESENT = {1: "م", 3: "د", 4: "یم", 5: "ید", 6: "ند"}
_PAST = {1: "م", 3: "", 4: "یم", 5: "ید", 6: "ند"}
_PERFECT = {1: f"{Z}ام", 3: " است", 4: f"{Z}ایم", 5: f"{Z}اید", 6: f"{Z}اند"}


@dataclass(frozen=True)
class Stems:
    """Stems of a verb; a prefix stays before ``می``; the subjunctive is named where it is not ب with the present."""

    present: str
    past: str
    prefix: str = ""
    subjunctive: str = ""


VERBS = {
    "کردن": Stems("کن", "کرد", subjunctive="کن"),
    "شدن": Stems("شو", "شد", subjunctive="شو"),
    "زدن": Stems("زن", "زد"),
    "دادن": Stems("ده", "داد"),
    "گرفتن": Stems("گیر", "گرفت"),
    "رفتن": Stems("رو", "رفت"),
    "آمدن": Stems("آی", "آمد", subjunctive="بیای"),
    "آوردن": Stems("آور", "آورد", subjunctive="بیاور"),
    "خوردن": Stems("خور", "خورد"),
    "خریدن": Stems("خر", "خرید"),
    "فرستادن": Stems("فرست", "فرستاد"),
    "نوشتن": Stems("نویس", "نوشت"),
    "خواندن": Stems("خوان", "خواند"),
    "دیدن": Stems("بین", "دید"),
    "گفتن": Stems("گوی", "گفت"),
    "شستن": Stems("شوی", "شست"),
    "پختن": Stems("پز", "پخت"),
    "نوشیدن": Stems("نوش", "نوشید"),
    "بستن": Stems("بند", "بست"),
    "ماندن": Stems("مان", "ماند"),
    "پرسیدن": Stems("پرس", "پرسید"),
    "فروختن": Stems("فروش", "فروخت"),
    "بردن": Stems("بر", "برد"),
    "گذاشتن": Stems("گذار", "گذاشت"),
    "برگشتن": Stems("گرد", "گشت", prefix="بر", subjunctive="گرد"),
    "برداشتن": Stems("دار", "داشت", prefix="بر", subjunctive="دار"),
    "نگه داشتن": Stems("دار", "داشت", prefix="نگه ", subjunctive="دار"),
    "خوابیدن": Stems("خواب", "خوابید"),
    "دویدن": Stems("دو", "دوید"),
    "رسیدن": Stems("رس", "رسید"),
    "ساختن": Stems("ساز", "ساخت"),
    "پوشیدن": Stems("پوش", "پوشید"),
    "کشیدن": Stems("کش", "کشید"),
    "نشستن": Stems("نشین", "نشست"),
    "گشتن": Stems("گرد", "گشت"),
    "شمردن": Stems("شمار", "شمرد"),
    "شناختن": Stems("شناس", "شناخت"),
    "ترسیدن": Stems("ترس", "ترسید"),
    "خواستن": Stems("خواه", "خواست"),
    "توانستن": Stems("توان", "توانست"),
    "یافتن": Stems("یاب", "یافت"),
    "انداختن": Stems("انداز", "انداخت", subjunctive="بینداز"),
    "افتادن": Stems("افت", "افتاد", subjunctive="بیفت"),
    "پذیرفتن": Stems("پذیر", "پذیرفت"),
    "پرداختن": Stems("پرداز", "پرداخت"),
    "ریختن": Stems("ریز", "ریخت"),
    "شنیدن": Stems("شنو", "شنید"),
    "فهمیدن": Stems("فهم", "فهمید"),
    "بریدن": Stems("بر", "برید"),
    "چیدن": Stems("چین", "چید"),
    "کندن": Stems("کن", "کند"),
    "چشیدن": Stems("چش", "چشید"),
    "آویختن": Stems("آویز", "آویخت", subjunctive="بیاویز"),
    "کاشتن": Stems("کار", "کاشت"),
    "شکستن": Stems("شکن", "شکست"),
    "دزدیدن": Stems("دزد", "دزدید"),
    "نواختن": Stems("نواز", "نواخت"),
    "رقصیدن": Stems("رقص", "رقصید"),
    "بخشیدن": Stems("بخش", "بخشید"),
    "بوسیدن": Stems("بوس", "بوسید"),
}


def _negated(stem: str) -> str:
    """``نه`` before a stem: a glide before alef, whose mark falls."""
    if stem.startswith("آ"):
        return "نیا" + stem[1:]
    return "نی" + stem[1:] if stem.startswith("ا") else "ن" + stem


def conjugate(infinitive: str, tense: str, person: int) -> tuple[str, str]:
    """The auxiliary that goes before the object (or nothing), and the verb itself.

    Tenses: ``pres subj past imperf prog pprog perf``, and the negatives ``npres nsubj npast nperf``.
    ``person`` is one of `PERSONS`.
    """
    verb = VERBS[infinitive]
    subjunctive = verb.subjunctive or "ب" + verb.present
    no_subjunctive = "ن" + (verb.present if subjunctive == verb.present else subjunctive[1:])
    forms = {
        "pres": "می" + Z + verb.present + _PRESENT[person],
        "npres": "نمی" + Z + verb.present + _PRESENT[person],
        "subj": subjunctive + _PRESENT[person],
        "nsubj": no_subjunctive + _PRESENT[person],
        "past": verb.past + _PAST[person],
        "npast": _negated(verb.past) + _PAST[person],
        "imperf": "می" + Z + verb.past + _PAST[person],
        "prog": "می" + Z + verb.present + _PRESENT[person],
        "pprog": "می" + Z + verb.past + _PAST[person],
        "perf": verb.past + "ه" + _PERFECT[person],
        "nperf": _negated(verb.past) + "ه" + _PERFECT[person],
    }
    auxiliary = {"prog": "دار" + _PRESENT[person], "pprog": "داشت" + _PAST[person]}
    return auxiliary.get(tense, ""), verb.prefix + forms[tense]
