"""Which recordings wait for a run, and the run that takes them."""

from collections.abc import Sequence

import dagster as dg


def unfinished(instance: dg.DagsterInstance) -> frozenset[str]:
    """Give the recordings that unfinished runs cover."""
    raise NotImplementedError


def run_request(instance: dg.DagsterInstance, ids: Sequence[str], *, run_key: str) -> dg.RunRequest:
    """Give one request."""
    raise NotImplementedError
