"""What this thread or task is at work on: named in each log line, and a span of a trace where traces are asked for.

`working_on` is the one way to say so. What begins inside it inherits it: tasks of asyncio do by themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

# Makes the span of a piece of work: its name, and its fields, which may grow until it ends.
Tracer = Callable[[str, Mapping[str, str]], AbstractContextManager[object]]

_fields: ContextVar[Mapping[str, str]] = ContextVar("asr_pipeline_fields", default={})  # noqa: B039 - never changed
_tracers: list[Tracer] = []


@contextmanager
def working_on(what: str, **fields: str) -> Iterator[dict[str, str]]:
    """Say what is worked on meanwhile, such as `working_on("stage", stage="segments")`.

    What is added to the dictionary that this gives is in the trace alone, when the work has ended.
    """
    told = dict(fields)
    token = _fields.set({**_fields.get(), **fields})
    try:
        with _tracers[-1](what, told) if _tracers else nullcontext():
            yield told
    finally:
        _fields.reset(token)


def worked_on() -> Mapping[str, str]:
    """Give the fields of all that is worked on here, the innermost last."""
    return _fields.get()


@contextmanager
def traced_by(tracer: Tracer) -> Iterator[None]:
    """Have work of this process, in whatever thread, traced meanwhile."""
    _tracers.append(tracer)
    try:
        yield
    finally:
        _tracers.remove(tracer)
