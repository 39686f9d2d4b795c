"""Wheels of this project, built and installed without a download, each into an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = (
    "asr_pipeline",
    "models/starter",
    "models/README.md",
    "data/samples",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


def build_wheel(folder: Path, version: str | None = None) -> Path:
    """Build a wheel of the sources, under another version if one is given; gives its file."""
    sources = folder / "sources"
    for name in SOURCES:
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, target)
    if version is not None:
        project = sources / "pyproject.toml"
        now = project.read_text()
        given = next(line for line in now.splitlines() if line.startswith("version = "))
        project.write_text(now.replace(given, f'version = "{version}"', 1))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, sources, home=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """An environment with a wheel in it, and a home folder that was empty before."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def home(self) -> Path:
        """Its user's home folder."""
        return self.folder / "home"

    def install(self, wheel: Path) -> None:
        """Install a wheel, in place of the one before."""
        pip = ("-m", "pip", "--python", self.python, "install", "--quiet", "--no-deps", "--no-index", wheel)
        run(sys.executable, *pip, home=self.folder)  # pip asks other programs, which write at home

    def run(self, *arguments: str) -> str:
        """Run `asr-pipeline` outside the clone; gives what it printed."""
        return run(self.folder / "bin" / "asr-pipeline", *arguments, home=self.home)

    def execute(self, program: str) -> str:
        """Run a program of its interpreter; gives what it printed."""
        return run(self.python, "-W", "ignore", "-c", program, home=self.home)


def new_environment(folder: Path) -> Installed:
    """Make an environment that finds the packages of these tests' own, without the clone that is installed there."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, home=folder.parent)
    (own,) = folder.glob("lib/*/site-packages")
    (own / "tests_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")  # its own .pth files are not read
    (folder / "home").mkdir()
    return Installed(folder)


def run(*command: str | Path, home: Path) -> str:
    """Run a command in a home folder, with nothing of this environment but the way to programs."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "COLUMNS": "160", "LANG": "C.UTF-8"}
    done = subprocess.run(
        list(map(str, command)), cwd=home, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
