import os
import signal
import subprocess
import sys

import psutil

from tests.support import eventually

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = (
    "import time; from memmon.stack import parent_death; parent_death.tie(); print('tied', flush=True); time.sleep(60)"
)


def test_a_process_dies_with_its_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    output = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
    child = psutil.Process(int((output - {"tied"}).pop()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, within=5)


def test_one_whose_parent_is_gone_already_ends_at_once() -> None:
    code = f"from memmon.stack import parent_death; parent_death.tie(parent={os.getppid()}); print('went on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is gone" in done.stderr
    assert done.stdout == ""
