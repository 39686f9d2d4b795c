"""Persian words that agree with a subject: what ``{subj:want}`` writes in a template."""

from models.recipe.phrasebook.persian_verbs import conjugate

_HAVE = {1: "دارم", 3: "دارد", 4: "داریم", 5: "دارید", 6: "دارند"}
_OWN = {1: "م", 3: "ش", 4: "مان", 5: "تان", 6: "شان"}

_IRREGULAR = {
    "is": {1: "هستم", 3: "است", 4: "هستیم", 5: "هستید", 6: "هستند"},
    "isnt": {1: "نیستم", 3: "نیست", 4: "نیستیم", 5: "نیستید", 6: "نیستند"},
    "was": {1: "بودم", 3: "بود", 4: "بودیم", 5: "بودید", 6: "بودند"},
    "wasnt": {1: "نبودم", 3: "نبود", 4: "نبودیم", 5: "نبودید", 6: "نبودند"},
    "be": {1: "باشم", 3: "باشد", 4: "باشیم", 5: "باشید", 6: "باشند"},
    "willbe": {1: "خواهم بود", 3: "خواهد بود", 4: "خواهیم بود", 5: "خواهید بود", 6: "خواهند بود"},
    "have": _HAVE,
    "nhave": {person: "ن" + word for person, word in _HAVE.items()},
    "had": {1: "داشتم", 3: "داشت", 4: "داشتیم", 5: "داشتید", 6: "داشتند"},
    "nhad": {1: "نداشتم", 3: "نداشت", 4: "نداشتیم", 5: "نداشتید", 6: "نداشتند"},
    "like": {person: "دوست " + word for person, word in _HAVE.items()},
    "nlike": {person: "دوست ن" + word for person, word in _HAVE.items()},
    "forgot": {person: f"یاد{own} رفت" for person, own in _OWN.items()},
    "selfto": {person: f"خود{own} را" for person, own in _OWN.items()},
    "state": {person: f"حال{own}" for person, own in _OWN.items()},
}

_VERBS = {
    "want": ("خواستن", "pres"),
    "nwant": ("خواستن", "npres"),
    "wanted": ("خواستن", "imperf"),
    "can": ("توانستن", "pres"),
    "ncan": ("توانستن", "npres"),
    "could": ("توانستن", "past"),
    "ncould": ("توانستن", "npast"),
    "go": ("رفتن", "pres"),
    "gosubj": ("رفتن", "subj"),
    "went": ("رفتن", "past"),
    "arrive": ("رسیدن", "pres"),
    "arrived": ("رسیدن", "past"),
    "stayed": ("ماندن", "past"),
    "do": ("کردن", "pres"),
    "ndo": ("کردن", "npres"),
    "dosubj": ("کردن", "subj"),
    "did": ("کردن", "past"),
    "ndid": ("کردن", "npast"),
    "done": ("کردن", "perf"),
    "said": ("گفتن", "past"),
    "came": ("آمدن", "past"),
    "become": ("شدن", "subj"),
    "becomes": ("شدن", "pres"),
    "became": ("شدن", "past"),
    "slept": ("خوابیدن", "past"),
    "read": ("خواندن", "past"),
    "bought": ("خریدن", "past"),
    "drank": ("نوشیدن", "past"),
    "get": ("گرفتن", "pres"),
    "got": ("گرفتن", "past"),
    "decided": ("گرفتن", "past"),
    "put": ("گذاشتن", "past"),
    "fear": ("ترسیدن", "pres"),
    "neat": ("خوردن", "npres"),
    "eatsubj": ("خوردن", "subj"),
    "give": ("دادن", "pres"),
    "gave": ("دادن", "past"),
    "saw": ("دیدن", "past"),
    "sees": ("دیدن", "pres"),
    "took": ("بردن", "past"),
    "wear": ("پوشیدن", "perf"),
    "think": ("کردن", "pres"),
}

_BEFORE = {"decided": "تصمیم ", "think": "فکر "}
FORMS = frozenset(_IRREGULAR) | frozenset(_VERBS)
"""Every form that a template may ask of a subject on the Persian side."""


def agree(form: str, person: int) -> str:
    """The Persian word or words that ``form`` names, in ``person``."""
    if form in _IRREGULAR:
        return _IRREGULAR[form][person]
    infinitive, tense = _VERBS[form]
    auxiliary, verb = conjugate(infinitive, tense, person)
    return _BEFORE.get(form, "") + f"{auxiliary} {verb}".strip()
