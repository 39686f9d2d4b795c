"""The child process ends with its parent, whatever ends that."""

import subprocess
import sys

import psutil
import pytest

pytestmark = pytest.mark.fault

PARENT = """
import time
from asr_pipeline.steps.isolation import Isolation
isolation = Isolation()
call = isolation.submit(time.sleep, (3600,))
while isolation.began_s is None:
    time.sleep(0.01)
print(isolation._child.pid, flush=True)
call.result()
"""


def test_the_child_does_not_outlive_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.ppid() == parent.pid
        parent.kill()
    try:
        child.wait(60)
    except psutil.NoSuchProcess:
        return
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
