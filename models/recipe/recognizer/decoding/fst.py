"""Finite-state transducers as plain values, and OpenFst's command-line tools to work on them.

Debian's libfst-tools do the heavy steps as processes of their own: two copies of OpenFst in one process (pynini's and
libvosk's) hang. Tropical weights; label 0 is epsilon.
"""

import math
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOOL_TIMEOUT_S = 600
_PLUGIN_DIRS = ("/usr/lib/x86_64-linux-gnu/fst/22", "/usr/lib/aarch64-linux-gnu/fst/22", "/usr/lib/fst")
_ARC_FIELDS = 4  # from, to, in, out; a weight may follow


@dataclass(frozen=True, slots=True)
class Arc:
    """One transition: labels, cost (a negative log-probability), and where it leads."""

    to: int
    label_in: int
    label_out: int
    cost: float = 0.0


@dataclass(slots=True)
class Transducer:
    """State 0 is the start. `final` gives the cost of ending in a state."""

    arcs: list[list[Arc]] = field(default_factory=list)
    final: dict[int, float] = field(default_factory=dict)

    def add_state(self) -> int:
        """Make a state and give its number."""
        self.arcs.append([])
        return len(self.arcs) - 1

    def add_arc(self, origin: int, arc: Arc) -> None:
        """Add a transition from `origin`."""
        self.arcs[origin].append(arc)

    def lines(self) -> Iterator[str]:
        """Give OpenFst's text form: the start state's lines first."""
        for state, arcs in enumerate(self.arcs):
            for arc in arcs:
                yield f"{state} {arc.to} {arc.label_in} {arc.label_out} {arc.cost:.7g}\n"
            if state in self.final:
                yield f"{state} {self.final[state]:.7g}\n"

    @classmethod
    def parse(cls, text: str) -> "Transducer":
        """Read OpenFst's text form; states are numbered anew, the start state is 0."""
        fst = cls()
        number: dict[str, int] = {}

        def state(name: str) -> int:
            if name not in number:
                number[name] = fst.add_state()
            return number[name]

        for line in text.splitlines():
            fields = line.split()
            if len(fields) < _ARC_FIELDS:
                fst.final[state(fields[0])] = float(fields[1]) if len(fields) > 1 else 0.0
                continue
            origin, to = state(fields[0]), state(fields[1])
            cost = float(fields[4]) if len(fields) > _ARC_FIELDS else 0.0
            if cost < math.inf:
                fst.add_arc(origin, Arc(to, int(fields[2]), int(fields[3]), cost))
        return fst


def compile_fst(fst: Transducer, path: Path) -> None:
    """Write a transducer as OpenFst's binary vector type."""
    text = path.with_suffix(".txt")
    text.write_text("".join(fst.lines()), encoding="ascii")
    run_tool("fstcompile", str(text), str(path))
    text.unlink()


def print_fst(path: Path) -> Transducer:
    """Read an OpenFst binary."""
    return Transducer.parse(run_tool("fstprint", str(path)))


def run_tool(*command: str) -> str:
    """Run one of OpenFst's tools and give what it printed; its plugins are looked for where Debian puts them."""
    search = os.pathsep.join((*_PLUGIN_DIRS, os.environ.get("LD_LIBRARY_PATH", "")))
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=TOOL_TIMEOUT_S,
        env={**os.environ, "LD_LIBRARY_PATH": search},
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout
