r"""Any text, file names included, as text that every database and UTF-8 file can hold.

A file name on Linux is bytes. Python gives those that are not UTF-8 as lone surrogates, which PostgreSQL and UTF-8
refuse; PostgreSQL also refuses NUL. `storable` writes such a byte as `\xNN`, any other lone surrogate as `\uNNNN` and
a backslash twice; everything else stays as it is. `original` is its inverse.
"""

import re

_UNSTORABLE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_SURROGATE_ESCAPE = 0xDC00  # Python's surrogateescape adds it to a byte of 0x80 or more
_BYTES = range(0xDC80, 0xDD00)


def storable(text: str) -> str:
    """Give `text` with what can't be stored escaped."""
    return _UNSTORABLE.sub(_escape, text) if _UNSTORABLE.search(text) else text


def original(stored: str) -> str:
    """Give back the text that `storable` was given."""
    return _ESCAPED.sub(_unescape, stored) if "\\" in stored else stored


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\\":
        return r"\\"
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _SURROGATE_ESCAPE:02x}"
    return "\\x00" if code == 0 else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    if match[1] is not None:
        byte = int(match[1], 16)
        return chr(byte + _SURROGATE_ESCAPE) if byte else "\x00"
    return chr(int(match[2], 16)) if match[2] is not None else "\\"
