"""Who may do what: scopes, API keys, and whoever a request comes from."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

ID_CHARS, SECRET_CHARS = 8, 64
_KEY = re.compile(rf"asr_([0-9a-f]{{{ID_CHARS}}})_[0-9a-f]{{{SECRET_CHARS}}}", re.ASCII)


class Scope(StrEnum):
    """What a caller may do; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Tell whether who has this scope may do what needs the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a request comes from. `name` is safe to show: it never holds a secret."""

    name: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment at which it can be shown."""

    key_id: str
    key: str


def new_key() -> NewKey:
    """Make a key of 256 random bits. Its id names it in lists and logs, and is no secret."""
    key_id, secret = secrets.token_hex(ID_CHARS // 2), secrets.token_hex(SECRET_CHARS // 2)
    return NewKey(key_id, f"asr_{key_id}_{secret}")


def key_id_of(text: str) -> str | None:
    """Give the id of what has the form of a key; None for anything else."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def key_hash(key: str) -> str:
    """Give what is stored of a key.

    Plain SHA-256 is enough: slow hashes protect what can be guessed, and nobody guesses 256 random bits.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def largest_scope(named: str) -> Scope | None:
    """Give the largest scope among a claim's words, which spaces join; None where it names none."""
    words = set(named.split(" "))
    return next((scope for scope in reversed(Scope) if scope.value in words), None)
