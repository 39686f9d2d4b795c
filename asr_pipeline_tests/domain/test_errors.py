"""The tree of errors."""

import pickle

import pytest

from asr_pipeline.domain import errors
from asr_pipeline.domain.errors import PipelineError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PipelineError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_where_and_what_to_do_and_crosses_processes(kind: type[PipelineError]) -> None:
    error = kind("a.wav", expected="audio", found="text", remedy="Look at it.")
    assert str(error) == "a.wav: expected audio, found text. Look at it."
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert (str(copy), copy.remedy) == (str(error), "Look at it.")


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_draws_every_error(kind: type[PipelineError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
