"""Real agents from the npm registry, installed once into the cache of the checkout.

Rules: versions and hashes are those of npm/package-lock.json; the folder is named for the lock, so a
new version is a new folder. What is there is whole: an installation is moved into place at its end.
What is missing is said by name (`Missing`), never worked around.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec

LOCK: Final = Path(__file__).parent / "npm"
CACHE: Final = Path(__file__).parent.parent.parent / ".cache" / "agents"

INSTALL_SECONDS: Final = 300.0
"""The binary has 380 MB; 5 s on a fast line."""

START_SECONDS: Final = 60.0


class Missing(Exception):
    """An agent cannot be installed here; the message says what is missing."""


class _Manifest(msgspec.Struct, frozen=True):
    dependencies: dict[str, str]


CLAUDE_CODE: Final = "@anthropic-ai/claude-code"


def version(package: str) -> str:
    """The pinned version of an agent."""
    return msgspec.json.decode((LOCK / "package.json").read_bytes(), type=_Manifest).dependencies[
        package
    ]


def claude_code() -> Path:
    """The `claude` binary of the pinned version. Raises `Missing`."""
    lock = (LOCK / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.is_dir():
        install(folder)
    binary = folder / "node_modules" / ".bin" / "claude"
    said = _run([str(binary), "--version"], folder, seconds=START_SECONDS)
    if not said.startswith(version(CLAUDE_CODE)):
        raise Missing(f"{binary} says it is {said.strip()}; delete {folder} and run again.")
    return binary


def install(folder: Path) -> None:
    """Install what the lock names into a new folder. Raises `Missing`."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed; the agents are npm packages.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as name:
        made = Path(name) / folder.name
        shutil.copytree(LOCK, made)
        # Newer npm runs no install script that nobody has approved; the one that is needed puts the
        # platform's binary into its place, and is run here by name.
        _run(
            ["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit"],
            made,
            seconds=INSTALL_SECONDS,
        )
        package = made / "node_modules" / CLAUDE_CODE
        _run(["node", "install.cjs"], package, seconds=INSTALL_SECONDS)
        if not folder.is_dir():
            made.rename(folder)


def _run(command: list[str], folder: Path, *, seconds: float) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise Missing(f"{' '.join(command)}: {reason}") from reason
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-1_500:]
        raise Missing(
            f"`{' '.join(command)}` ended with {done.returncode}; is the npm registry reachable?\n{told}"
        )
    return done.stdout
