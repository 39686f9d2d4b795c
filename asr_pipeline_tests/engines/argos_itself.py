"""argostranslate itself, to which tests hold what the pipeline makes of its packages."""

import importlib
import os
import tempfile
from typing import Any
from unittest import mock


def argostranslate(module: str) -> Any:  # noqa: ANN401 - it carries no types
    """Import one of its modules. On import it reads settings from, and makes folders in, the user's home."""
    with tempfile.TemporaryDirectory() as home:
        variables = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        with mock.patch.dict(os.environ, variables):
            return importlib.import_module(f"argostranslate.{module}")
