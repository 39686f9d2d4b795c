"""What a slot may hold: a pair of words that knows its forms in both languages."""

from dataclasses import dataclass

from models.recipe.phrasebook import english_forms, persian_agreement, persian_spelling
from models.recipe.phrasebook.persian_verbs import conjugate

THIRD_SINGULAR = 3


@dataclass(frozen=True)
class Entry:
    """A plain pair. ``figures`` are both sides with numbers as figures, where they hold a number."""

    en: str
    fa: str
    plural: str = ""
    figures: tuple[str, str] | None = None
    person: int = THIRD_SINGULAR

    def parts(self) -> tuple[str, ...]:
        """What tells this entry from others of its class."""
        return (self.en,)

    def english(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:  # noqa: ARG002 (verbs)
        """The English side: as it is, or ``a``, ``pl``, ``s`` (the genitive)."""
        text = self.figures[0] if figures and self.figures else self.en
        if form == "a":
            return english_forms.with_article(text)
        if form == "pl":
            return self.plural or english_forms.plural(text)
        if form == "s":
            return text + "'s"
        return self._plain(form, text)

    def persian(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:  # noqa: ARG002 (verbs)
        """The Persian side: as it is, ``ez``, ``pl``, ``plez``, a possessive, or ``pl`` with a possessive."""
        text = self.figures[1] if figures and self.figures else self.fa
        if form.startswith("pl"):
            text, form = persian_spelling.plural(text), form.removeprefix("pl")
        if form == "ez":
            return persian_spelling.ezafe(text)
        if form in persian_spelling.POSSESSIVE:
            return persian_spelling.possessive(text, form)
        return self._plain(form, text)

    def _plain(self, form: str, text: str) -> str:
        if form:
            raise KeyError(f"{self.en!r} has no form {form!r}")
        return text


@dataclass(frozen=True)
class Subject(Entry):
    """Who does something; verbs agree with it on both sides."""

    def english(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:
        """As an entry, or an English verb that agrees (`english_forms.SUBJECT_FORMS`)."""
        if form in english_forms.SUBJECT_FORMS:
            return english_forms.agree(form, self.person)
        return super().english(form, person, figures=figures)

    def persian(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:
        """As an entry, or a Persian verb that agrees (`persian_agreement.FORMS`)."""
        if form in persian_agreement.FORMS:
            return persian_agreement.agree(form, self.person)
        return super().persian(form, person, figures=figures)


@dataclass(frozen=True)
class VerbPhrase(Entry):
    """A verb with its objects. ``en`` begins with the verb; ``fa`` is what stands before ``infinitive``."""

    infinitive: str = ""
    pattern: str = ""
    fillers: tuple[str, ...] = ()

    def parts(self) -> tuple[str, ...]:
        """The pattern and what fills it."""
        return (self.pattern, *self.fillers)

    def english(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:
        """The phrase in the verb's form: ``base s ing past pp``, or ``pres`` that agrees with ``person``."""
        verb, _, objects = (self.figures[0] if figures and self.figures else self.en).partition(" ")
        if form == "pres":
            form = "s" if person == THIRD_SINGULAR else "base"
        return f"{english_forms.verb(verb, form or 'base')} {objects}".strip()

    def persian(self, form: str, person: int = THIRD_SINGULAR, *, figures: bool = False) -> str:
        """The phrase in a tense of `conjugate`, in ``person``."""
        auxiliary, verb = conjugate(self.infinitive, form, person)
        complement = self.figures[1] if figures and self.figures else self.fa
        return " ".join(part for part in (auxiliary, complement, verb) if part)
