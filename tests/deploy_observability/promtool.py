"""Prometheus's own checker. Without it nothing here can say that a query parses."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

MISSING: Final = (
    "promtool is not installed, so alerts and PromQL are NOT checked:"
    " install it with `apt-get install prometheus`"
)


def promtool(*arguments: str, cwd: Path) -> str:
    """What promtool says. Fails the test when it complains, and in CI when it is missing."""
    binary = shutil.which("promtool")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    done = subprocess.run(
        [binary, *arguments], cwd=cwd, check=False, capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
