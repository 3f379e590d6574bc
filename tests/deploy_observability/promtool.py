"""Prometheus's own checker. Without it nothing here can say that a query parses."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

MISSING: Final = (
    "Prometheus is not installed, so alerts and PromQL are NOT checked:"
    " install it with `apt-get install prometheus`"
)


def program(name: str) -> str:
    """Where a program of Prometheus is. Without it the test fails in CI and is skipped elsewhere."""
    binary = shutil.which(name)
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return binary


def promtool(*arguments: str, cwd: Path, told: str = "") -> str:
    """What promtool says to a command and standard input. Fails the test when it complains."""
    done = subprocess.run(
        [program("promtool"), *arguments],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        input=told,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
