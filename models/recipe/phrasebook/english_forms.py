"""English forms: article, plural, verbs, agreement."""

import re
from collections.abc import Callable

_VOWELS = "aeiou"
_PLURALS = {
    "child": "children",
    "knife": "knives",
    "person": "people",
    "tooth": "teeth",
    "foot": "feet",
    "man": "men",
    "woman": "women",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "leaf": "leaves",
    "loaf": "loaves",
    "life": "lives",
    "wife": "wives",
    "shelf": "shelves",
    "scarf": "scarves",
    "diagnosis": "diagnoses",
    "crisis": "crises",
    "quiz": "quizzes",
}
_IRREGULAR = {  # base: past, participle
    "be": ("was", "been"),
    "become": ("became", "become"),
    "begin": ("began", "begun"),
    "blow": ("blew", "blown"),
    "beat": ("beat", "beaten"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "build": ("built", "built"),
    "buy": ("bought", "bought"),
    "catch": ("caught", "caught"),
    "choose": ("chose", "chosen"),
    "come": ("came", "come"),
    "cut": ("cut", "cut"),
    "do": ("did", "done"),
    "draw": ("drew", "drawn"),
    "drink": ("drank", "drunk"),
    "drive": ("drove", "driven"),
    "eat": ("ate", "eaten"),
    "fall": ("fell", "fallen"),
    "feed": ("fed", "fed"),
    "feel": ("felt", "felt"),
    "fight": ("fought", "fought"),
    "freeze": ("froze", "frozen"),
    "hang": ("hung", "hung"),
    "hide": ("hid", "hidden"),
    "light": ("lit", "lit"),
    "ride": ("rode", "ridden"),
    "shake": ("shook", "shaken"),
    "sweep": ("swept", "swept"),
    "dig": ("dug", "dug"),
    "find": ("found", "found"),
    "fly": ("flew", "flown"),
    "forget": ("forgot", "forgotten"),
    "forgive": ("forgave", "forgiven"),
    "get": ("got", "got"),
    "give": ("gave", "given"),
    "go": ("went", "gone"),
    "grow": ("grew", "grown"),
    "have": ("had", "had"),
    "hear": ("heard", "heard"),
    "hit": ("hit", "hit"),
    "hold": ("held", "held"),
    "keep": ("kept", "kept"),
    "lead": ("led", "led"),
    "leave": ("left", "left"),
    "lend": ("lent", "lent"),
    "lose": ("lost", "lost"),
    "make": ("made", "made"),
    "meet": ("met", "met"),
    "pay": ("paid", "paid"),
    "put": ("put", "put"),
    "read": ("read", "read"),
    "rise": ("rose", "risen"),
    "run": ("ran", "run"),
    "say": ("said", "said"),
    "see": ("saw", "seen"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "set": ("set", "set"),
    "show": ("showed", "shown"),
    "shut": ("shut", "shut"),
    "sing": ("sang", "sung"),
    "sit": ("sat", "sat"),
    "sleep": ("slept", "slept"),
    "speak": ("spoke", "spoken"),
    "spend": ("spent", "spent"),
    "stand": ("stood", "stood"),
    "steal": ("stole", "stolen"),
    "swim": ("swam", "swum"),
    "take": ("took", "taken"),
    "teach": ("taught", "taught"),
    "tell": ("told", "told"),
    "throw": ("threw", "thrown"),
    "understand": ("understood", "understood"),
    "wake": ("woke", "woken"),
    "wear": ("wore", "worn"),
    "win": ("won", "won"),
    "write": ("wrote", "written"),
}
_DOUBLED = frozenset(
    "ban begin chat chop cut dig drop forget get grab hit hug jog knit mop plan plug put run scan set ship shop shut "
    "sit stir stop submit swim transfer trim unplug win wrap".split()
)

_VOWEL_SOUND = re.compile(r"(?!uni|use|euro|one|user|u s)[aeiou]|hour|honest|x ray")

_AGREEING = {
    "am": {1: "am", 3: "is"},
    "was": {1: "was", 3: "was"},
    "wasnt": {1: "wasn't", 3: "wasn't"},
    "isnt": {1: "am not", 3: "isn't"},
    "has": {3: "has"},
    "hasnt": {3: "hasn't"},
    "does": {3: "does"},
    "doesnt": {3: "doesn't"},
}
_OTHERWISE = {
    "am": "are",
    "was": "were",
    "wasnt": "weren't",
    "isnt": "aren't",
    "has": "have",
    "hasnt": "haven't",
    "does": "do",
    "doesnt": "don't",
}
_BASES = {
    "goes": "go",
    "likes": "like",
    "lives": "live",
    "works": "work",
    "speaks": "speak",
    "wants": "want",
    "needs": "need",
}
SUBJECT_FORMS = frozenset(_OTHERWISE) | frozenset(_BASES)
"""Every form that a template may ask of a subject on the English side."""


def with_article(phrase: str) -> str:
    """``phrase`` after a or an."""
    return ("an " if _VOWEL_SOUND.match(phrase) else "a ") + phrase


def plural(phrase: str) -> str:
    """The plural of the last word of ``phrase``."""
    head, _, last = phrase.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last.endswith(("s", "sh", "ch", "x")):
        last += "es"
    elif last.endswith("y") and last[-2] not in _VOWELS:
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def verb(base: str, form: str) -> str:
    """``base`` as it is (``base``), or its forms ``s ing past pp``."""
    if form in _MAKERS:
        return _MAKERS[form](base)
    if base in _IRREGULAR:
        return _IRREGULAR[base][0 if form == "past" else 1]
    if base in _DOUBLED:
        return base + base[-1] + "ed"
    if base.endswith("e"):
        return base + "d"
    return base[:-1] + "ied" if base.endswith("y") and base[-2] not in _VOWELS else base + "ed"


def _third_person(base: str) -> str:
    if base == "have":
        return "has"
    if base.endswith(("s", "sh", "ch", "x", "o")):
        return base + "es"
    return base[:-1] + "ies" if base.endswith("y") and base[-2] not in _VOWELS else base + "s"


def _participle(base: str) -> str:
    if base in _DOUBLED:
        return base + base[-1] + "ing"
    return base[:-1] + "ing" if base.endswith("e") and not base.endswith("ee") else base + "ing"


_MAKERS: dict[str, Callable[[str], str]] = {"base": str, "s": _third_person, "ing": _participle}


def agree(form: str, person: int) -> str:
    """The English verb that ``form``, one of `SUBJECT_FORMS`, names, in ``person``."""
    if form in _BASES:
        return _third_person(_BASES[form]) if person == 3 else _BASES[form]
    return _AGREEING[form].get(person, _OTHERWISE[form])
