"""The Dockerfile: what its linter says, and that it takes what it copies."""

import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

from asr_pipeline_tests.deploy.compose import DEPLOY, REPOSITORY

FILE = DEPLOY / "Dockerfile"


def test_its_linter_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"

    done = subprocess.run([hadolint, FILE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_nobody_in_particular_on_a_pinned_base() -> None:
    text = FILE.read_text()

    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == [
        "python:${PYTHON}-slim-bookworm",
        "packages",
        "python:${PYTHON}-slim-bookworm",
    ]
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+$", text, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE)
    assert "--require-hashes" in text
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}" in text


def test_what_it_copies_is_sent_to_the_engine_and_nothing_else() -> None:
    sent = {
        line.removeprefix("!") for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", FILE.read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}

    assert all((REPOSITORY / source).exists() for source in sources)
    assert {source for source in sources if not any(source == one or source.startswith(f"{one}/") for one in sent)} == (
        set()
    )
    assert all(any(source == one or source.startswith(f"{one}/") for source in sources) for one in sent)


def test_the_lock_file_brings_no_torch() -> None:
    names = re.findall(r"^([a-z0-9._-]+)==", (REPOSITORY / "requirements-deploy.lock").read_text(), re.MULTILINE)

    assert len(names) > 80
    assert not {"torch", "stanza", "spacy", "argostranslate"} & set(names)
    assert not [name for name in names if name.startswith("nvidia")]
