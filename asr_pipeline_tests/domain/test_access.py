"""Scopes include one another; keys are known by their form, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.access import Scope, key_hash, key_id_of, largest_scope, new_key


def test_each_scope_includes_those_before_it() -> None:
    order = [Scope.READ, Scope.WRITE, Scope.ADMIN]
    assert [[one.includes(other) for other in order] for one in order] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_keys_are_random_and_know_their_id() -> None:
    made = [new_key() for _ in range(100)]
    assert len({one.key for one in made}) == 100
    for one in made:
        assert key_id_of(one.key) == one.key_id
        assert one.key_id not in key_hash(one.key)
        assert len(one.key.split("_")[2]) * 4 == 256


@given(st.text())
def test_any_text_is_no_key(text: str) -> None:
    assert key_id_of(text) is None


@given(st.integers(0, 76), st.characters())
def test_a_key_with_another_character_is_another_key_or_none(place: int, character: str) -> None:
    key = new_key().key
    changed = key[:place] + character + key[place + 1 :]
    assert changed == key or key_id_of(changed) is None or key_hash(changed) != key_hash(key)
    for longer in (key + character, character + key, key + "\n"):
        assert key_id_of(longer) is None


@pytest.mark.parametrize(
    ("named", "scope"),
    [
        ("read", Scope.READ),
        ("openid write read", Scope.WRITE),
        ("admin", Scope.ADMIN),
        ("", None),
        ("administrator Read readwrite", None),
    ],
)
def test_a_claim_gives_the_largest_scope_that_it_names(named: str, scope: Scope | None) -> None:
    assert largest_scope(named) is scope
