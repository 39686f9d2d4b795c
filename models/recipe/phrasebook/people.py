"""People: subjects that verbs agree with, and people one does something to."""

from models.recipe.phrasebook.entries import Entry, Subject
from models.recipe.phrasebook.persian_spelling import possessive
from models.recipe.phrasebook.templates import OneOf, Source

_OWNERS = {"my": "my", "your": "your", "his": "his", "her": "his", "our": "our", "their": "their"}
_CLOSE = ("mother", "father", "brother", "sister", "friend")
_PLURAL, _FIRST, _WE, _YOU = 6, 1, 4, 5

PRONOUNS = [
    Subject("i", "", person=_FIRST),
    Subject("you", "", person=_YOU),
    Subject("he", "او"),
    Subject("she", "او"),
    Subject("we", "", person=_WE),
    Subject("they", "آن‌ها", person=_PLURAL),
]
_GROUPS = [
    Subject("my parents", "پدر و مادرم", person=_PLURAL),
    Subject("the children", "بچه‌ها", person=_PLURAL),
    Subject("our guests", "مهمان‌هایمان", person=_PLURAL),
    Subject("my friends", "دوستانم", person=_PLURAL),
    Subject("the students", "دانش‌آموزها", person=_PLURAL),
    Subject("the neighbors", "همسایه‌ها", person=_PLURAL),
    Subject("my colleagues", "همکارانم", person=_PLURAL),
]
_SINGLE = [
    Subject("the manager", "مدیر"),
    Subject("the doctor", "دکتر"),
    Subject("the teacher", "معلم"),
    Subject("the driver", "راننده"),
    Subject("his brother", "برادرش"),
    Subject("her sister", "خواهرش"),
    Subject("your son", "پسرتان"),
    Subject("our teacher", "معلممان"),
    Subject("her husband", "شوهرش"),
    Subject("his wife", "همسرش"),
    Subject("their son", "پسرشان"),
]


def slots(classes: dict[str, list[Entry]]) -> dict[str, list[Entry] | Source]:
    """Slots that hold people, from the classes ``name``, ``kin_words``, ``object_pronoun`` and ``the_person``."""
    names, kin_words = classes["name"], classes["kin_words"]
    kin = [Entry(f"my {word.en}", possessive(word.fa, "my")) for word in kin_words]
    any_kin = [
        Entry(f"{en} {word.en}", possessive(word.fa, owner)) for en, owner in _OWNERS.items() for word in kin_words
    ]
    close = [entry for entry in kin if entry.en.split()[-1] in _CLOSE]
    objects = names + kin + classes["object_pronoun"]
    named: list[Entry] = [Subject(entry.en, entry.fa) for entry in names + kin]
    others = [*named, *_GROUPS, *_SINGLE]
    singular: list[Entry] = [entry for entry in PRONOUNS if entry.en in ("i", "he", "she")]
    singular += [entry for entry in others if entry.person != _PLURAL and not entry.en.startswith(("the ", "our "))]
    return {
        "kin": kin,
        "anykin": any_kin,
        "kinof": close,
        "anykinof": [entry for entry in any_kin if entry.en.split()[-1] in _CLOSE],
        "perof": names + close,
        "per": OneOf(names, kin),
        "obj": objects + classes["the_person"],
        "who": objects + classes["the_person"][:4],
        "pron": list[Entry](PRONOUNS),
        "other": others,
        "subj": OneOf(PRONOUNS, others),
        "asked": OneOf([entry for entry in PRONOUNS if entry.en != "i"], others),
        "sing": singular,
    }
