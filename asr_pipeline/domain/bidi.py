"""Which way a language runs, and how a line keeps its punctuation on its own side whatever shows it.

A player lays out each line by the Unicode Bidirectional Algorithm (UAX #9), and most take the line's base direction to
be left to right. An isolate around the line says otherwise, wherever the line ends up.
"""

import re
import unicodedata

RIGHT_TO_LEFT_LANGUAGES = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
RLI, LRI, PDI = "\u2067", "\u2066", "\u2069"
# Embeddings, overrides and isolates that came with the text: unbalanced ones would turn the lines around them.
_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, 0xFFFE, 0xFFFF])
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
# From a Latin letter to the last letter, digit or mark that belongs to a name: "C++", "Wi-Fi 6", "a@b.org", "MP3".
LATIN_RUN = re.compile(rf"[{_LATIN}](?:[{_LATIN}0-9 .,:'\u2019&/@_+#-]*[{_LATIN}0-9+#])?")


def is_right_to_left(language: str) -> bool:
    """Tell whether a language, as an ISO code, is written from right to left."""
    return language in RIGHT_TO_LEFT_LANGUAGES


def clean(text: str) -> str:
    """Give one line of text that every format can hold: one space between words, no control characters."""
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text.translate(_CONTROLS)
    )
    return " ".join(visible.split())


def isolate(line: str, language: str) -> str:
    """Wrap a right-to-left line, and each Latin run in it, in isolates. Other lines stay as they are."""
    if not is_right_to_left(language):
        return line
    return f"{RLI}{LATIN_RUN.sub(lambda run: f'{LRI}{run[0]}{PDI}', line)}{PDI}"
