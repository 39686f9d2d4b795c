"""The inbox's rules: temporary names, the order of taking, the cursor."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain import inbox
from asr_pipeline.domain.inbox import FoundFile, SizeClass, in_order, is_temporary, read_cursor, score, size_class

SIZES = st.integers(0, 1 << 50)
AGES_S = st.floats(0, 1e9)


def found(name: str, *, size_bytes: int = 1, mtime_ns: int = 1, came_s: float = 0.0) -> FoundFile:
    return FoundFile(Path("/inbox") / name, name, size_bytes, mtime_ns, came_s)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.wav",
        "a.wav.part",
        "A.WAV.PART",
        "a.tmp",
        "a.crdownload",
        "a.wav~",
        "a.filepart",
        ".a.wav.Xy12",
        ".partial-0123.wav",
        ".folder/a.wav",
        "x.download/a.wav",
        "سلام.part",
    ],
)
def test_names_of_unfinished_files(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize("name", ["a.wav", "part", "tmp", "a.part.wav", "~a.wav", "folder.d/a", "a", "notes.txt"])
def test_names_of_finished_files(name: str) -> None:
    assert not is_temporary(name)


@given(SIZES, SIZES, AGES_S)
def test_of_the_same_age_the_smaller_is_not_later(one: int, other: int, age_s: float) -> None:
    small, large = sorted((one, other))
    assert score(small, age_s) >= score(large, age_s)


@given(SIZES, AGES_S, AGES_S)
def test_of_the_same_size_the_older_is_not_later(size_bytes: int, one_s: float, other_s: float) -> None:
    young_s, old_s = sorted((one_s, other_s))
    assert score(size_bytes, old_s) >= score(size_bytes, young_s)


@given(SIZES, SIZES, st.floats(0.001, 1e9))
def test_a_file_of_any_size_is_before_all_that_come_newly_after_a_bounded_time(
    size_bytes: int, new_bytes: int, over_s: float
) -> None:
    assert score(size_bytes, inbox.LONGEST_WAIT_S + over_s) > score(new_bytes, 0.0)


@given(SIZES, SIZES, AGES_S, AGES_S, st.floats(0, 1e6))
def test_the_order_of_two_files_stays_while_they_wait(
    one: int, other: int, one_s: float, other_s: float, later_s: float
) -> None:
    before = score(one, one_s) - score(other, other_s)
    after = score(one, one_s + later_s) - score(other, other_s + later_s)
    assert after == pytest.approx(before, abs=1e-3)


def test_a_clock_that_was_set_back_makes_nothing_older_than_new() -> None:
    assert score(0, -5.0) == score(0, 0.0)


def test_size_classes() -> None:
    assert [size_class(size) for size in (0, (16 << 20) - 1, 16 << 20, 256 << 20, 1 << 40)] == [
        SizeClass.SMALL,
        SizeClass.SMALL,
        SizeClass.MEDIUM,
        SizeClass.LARGE,
        SizeClass.LARGE,
    ]


@given(st.permutations([found(f"{n}.wav", size_bytes=n % 3 * 10**7, came_s=float(n % 5)) for n in range(12)]))
def test_the_order_is_that_of_the_files_not_of_the_listing(files: list[FoundFile]) -> None:
    assert in_order(files, 100.0) == in_order(sorted(files, key=lambda file: file.name), 100.0)


def test_the_cursor_is_bounded_and_keeps_the_first() -> None:
    files = [found(f"{'long name ' * 20}{number}") for number in range(50_000)]
    cursor = inbox.write_cursor(files, {}, 1_800_000_000.7)
    assert len(cursor) < 30_000
    seen = read_cursor(cursor, 1_800_000_000.7)
    assert set(seen) == {file.digest for file in files[: inbox.MOST_REMEMBERED]}


def test_the_cursor_keeps_since_when_a_file_is_unchanged() -> None:
    first = inbox.write_cursor([found("a"), found("b")], {}, 100.0)
    second = inbox.write_cursor([found("a"), found("b", mtime_ns=2)], read_cursor(first, 200.0), 200.0)
    seen = read_cursor(second, 200.0)
    assert seen == {found("a").digest: 100.0, found("b", mtime_ns=2).digest: 200.0}
    assert read_cursor(second, 50.0) == dict.fromkeys(seen, 50.0)  # the clock was set back


@pytest.mark.parametrize("cursor", [None, "", "no json", "[]", '"x"', '{"a": "b"}', '{"a": null}', "12"])
def test_a_cursor_of_something_else_is_none(cursor: str | None) -> None:
    assert read_cursor(cursor, 1.0) == {}


@given(st.text(st.characters(codec=None, exclude_categories=())), st.integers(0, 99), st.integers(0, 99))
def test_a_digest_changes_with_path_size_and_time(name: str, size_bytes: int, mtime_ns: int) -> None:
    file = FoundFile(Path(name), name, size_bytes, mtime_ns, 0.0)
    others = [
        FoundFile(Path(name + "x"), name, size_bytes, mtime_ns, 0.0),
        FoundFile(Path(name), name, size_bytes + 1, mtime_ns, 0.0),
        FoundFile(Path(name), name, size_bytes, mtime_ns + 1, 0.0),
    ]
    assert len({file.digest, *(other.digest for other in others)}) == 4
    assert json.loads(inbox.write_cursor([file], {}, 5.0)) == {file.digest: 5}
