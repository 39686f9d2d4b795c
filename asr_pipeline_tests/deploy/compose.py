"""`deploy/compose.yaml` as a compose tool reads it: merged, and with its variables in."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
FILE = DEPLOY / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def new_installation(folder: Path) -> dict[str, str]:
    """Run `asr-pipeline init-env` in a folder; gives the variables that it wrote, the secrets' folder as it lies."""
    file = folder / ".env"
    subprocess.run([sys.executable, "-m", "asr_pipeline", "init-env", file], check=True, capture_output=True)
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines)
    return variables | {"ASR_SECRETS": str(folder / variables["ASR_SECRETS"])}


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Give the file's content with its variables in; a variable that must be set and is not is an AssertionError."""

    def value(found: re.Match[str]) -> str:
        name, how, other = found.groups()
        if name in variables:
            return variables[name]
        assert how == ":-", f"{name}: {other or 'not set'}"
        return str(other)

    content: dict[str, Any] = _each_text(yaml.safe_load(FILE.read_text()), lambda text: _VARIABLE.sub(value, text))
    return {name: part for name, part in content.items() if not name.startswith("x-")}


def _each_text(value: Any, change: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, dict):
        return {key: _each_text(one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [_each_text(one, change) for one in value]
    return change(value) if isinstance(value, str) else value
