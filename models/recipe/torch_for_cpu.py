"""Whether this machine's pip would take a build of torch for the CPU: exit code 0 if so, 1 with a reason if not.

On Linux on x86-64 the public index has a CUDA build of gigabytes under the plain name. To find out, nothing is fetched
where the index serves a wheel's metadata apart, as the public one does.
"""

import json
import platform
import subprocess
import sys

_REPORT = ("install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "--report", "-")
_ALWAYS_FOR_CPU = not (sys.platform == "linux" and platform.machine() == "x86_64")


def main() -> str | None:
    """Nothing, or why not."""
    requirement = sys.argv[1]
    answer = subprocess.run(
        [sys.executable, "-m", "pip", *_REPORT, requirement], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        return f"pip offers no {requirement} here: {answer.stderr.strip().splitlines()[-1:]}"
    version = json.loads(answer.stdout)["install"][0]["metadata"]["version"]
    if version.endswith("+cpu") or _ALWAYS_FOR_CPU:
        return None
    return f"pip offers torch {version}, a CUDA build of gigabytes: see models/recipe/requirements.lock"


if __name__ == "__main__":
    sys.exit(main())
