"""How well a text can be parted between two words: a cost, low where sense ends and high in mid-phrase."""

from dataclasses import dataclass

SENTENCE_MARKS = ".?!…؟"
CLAUSE_MARKS = ",;:،؛—\u2013"
CLOSING_MARKS = "\"'”\u2019»)]"
SENTENCE_COST, CLAUSE_COST, PHRASE_COST, PLAIN_COST, TIED_COST, INSIDE_WORD_COST = 0.0, 0.3, 0.8, 2.0, 4.0, 8.0


@dataclass(frozen=True, slots=True)
class _Words:
    """Words that open a phrase, and words that lean on the next one or on the one before.

    Words that lean loosely (pronouns, auxiliaries, numbers) lean on the next one unless that opens a phrase.
    """

    opening: frozenset[str]
    leaning_forward: frozenset[str]
    leaning_loosely: frozenset[str] = frozenset()
    leaning_back: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NONE = _Words(frozenset(), frozenset())
_WORDS = {
    "en": _Words(
        opening=_words(
            "and but or nor so yet because although though while when where whether if unless until since before after"
            " that which who whose whom than as about above across against along among around at behind below beside"
            " between by during for from in into near of on onto over through to toward towards under with within"
            " without"
        ),
        leaning_forward=_words(
            "a an the this that these those my your his her its our their some any no every each very more most"
            " about above across against along among around at behind below beside between by during for from in into"
            " near of on onto over through to toward towards under with within without"
            " and but or nor because although while when if than as mr mrs ms dr"
        ),
        leaning_loosely=_words(
            "i we they he she you it is are was were am be been being has have had do does did will would can could"
            " shall should may might must not don't doesn't didn't can't won't i'm i've i'll it's"
            " zero one two three four five six seven eight nine twenty thirty forty fifty sixty seventy"
            " eighty ninety january february march april june july august september october november december"
        ),
    ),
    "fa": _Words(
        opening=_words(
            "و یا اما ولی که تا چون زیرا اگر وقتی هنگامی پس بلکه مگر هرچند از به در با بر برای بدون درباره‌ی دربارهٔ"
        ),
        leaning_forward=_words(
            "و یا اما ولی که چون زیرا اگر وقتی از به در با بر برای بدون این آن هر یک چند هیچ همه‌ی خیلی بسیار نه"
            " بیست سی چهل پنجاه شصت هفتاد هشتاد نود"
        ),
        leaning_back=_words(
            "را است هست هستم هستی هستیم هستید هستند نیست بود بودم بودی بودیم بودید بودند شد شدم شدند شود شوند شده"
            " کرد کردم کردی کردیم کردید کردند کند کنم کنی کنیم کنید کنند کرده دارد دارم داری داریم دارید دارند"
            " داشت داشتم داشتند باشد باشم باشند خواهد خواهم خواهند"
        ),
    ),
}


def break_cost(before: str, after: str, language: str) -> float:
    """Cost of parting a text between two words."""
    if (last := before.rstrip(CLOSING_MARKS)[-1:]) and last in SENTENCE_MARKS:
        return SENTENCE_COST
    if last and last in CLAUSE_MARKS:
        return CLAUSE_COST
    words = _WORDS.get(language, _NONE)
    if before.lower() in words.leaning_forward or after.strip(SENTENCE_MARKS + CLAUSE_MARKS) in words.leaning_back:
        return TIED_COST
    if after.lower() in words.opening:
        return PHRASE_COST
    return TIED_COST if before.lower() in words.leaning_loosely else PLAIN_COST
