"""Fixtures that several parts share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A shared machine may be slow at any moment: that is no finding.
hypothesis_settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("shared")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings and Dagster home of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(("ASR_PIPELINE_", "DAGSTER_", "ARGOS_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of the repository's sample recordings, with `samples.tsv`: file, seconds, voice, text."""
    return REPOSITORY / "data" / "samples"


@pytest.fixture(scope="session")
def starter_models() -> Path:
    """Folder of the starter models."""
    return REPOSITORY / "models" / "starter"
