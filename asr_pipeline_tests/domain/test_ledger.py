"""The equation of the ledger."""

from dataclasses import replace

from asr_pipeline.domain.ledger import Equation

BALANCED = Equation(
    files=2100, recordings=1900, done=2000, in_progress=40, failed=30, quarantined=20, refused=5, dropped=5
)


def test_files_that_stand_somewhere_balance_those_that_entered() -> None:
    assert BALANCED.holds
    assert BALANCED.lost == 0
    assert str(BALANCED) == (
        "2,100 files entered = 2,000 done + 40 in progress + 30 failed + 25 quarantined + 5 dropped"
    )


def test_a_file_that_stands_nowhere_is_lost() -> None:
    unbalanced = replace(BALANCED, done=1999)
    assert not unbalanced.holds
    assert unbalanced.lost == 1
    assert "entered ≠ 1,999 done" in str(unbalanced)
