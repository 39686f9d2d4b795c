"""Names of files that are being written: they tell who writes them, so that what a dead process left can be told apart.

A name is `.partial-<place>-<process>-<random><suffix>`. The place stands for a machine since its last start, and a
container on it: a process number means something only there.
"""

import os
import uuid
import zlib
from functools import lru_cache
from pathlib import Path

PARTIAL_PREFIX = ".partial-"


def partial_name(suffix: str = "") -> str:
    """Give a new name for a file that this process writes."""
    return f"{PARTIAL_PREFIX}{place()}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"


def is_left_behind(name: str) -> bool | None:
    """Tell whether the process that wrote a partial file is dead; None where that can't be known from here."""
    parts = name.removeprefix(PARTIAL_PREFIX).split("-")
    if len(parts) != 3 or parts[0] != place() or not parts[1].isdecimal():  # noqa: PLR2004 - as they are made above
        return None
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return True
    except OverflowError:
        return None
    except PermissionError:  # it lives, and is another user's
        return False
    return False


@lru_cache(maxsize=1)
def place() -> str:
    """Give eight hex digits for this machine's current start and this container."""
    started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    container = Path("/proc/self/ns/pid").readlink()
    return f"{zlib.crc32(f'{started} {container}'.encode()):08x}"
