"""Real agents from the npm registry and PyPI, installed once into the cache of the checkout.

Rules: versions and hashes are those of the locks in npm/ and pypi/, one an agent, so that one that
cannot be had takes no other along; a folder is named for its lock, so a new version is a new folder.
What is there is whole: an installation is moved into place at its end.
What is missing is said by name (`Missing`), never worked around.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

NPM: Final = Path(__file__).parent / "npm"
PYPI: Final = Path(__file__).parent / "pypi"
CACHE: Final = Path(__file__).parent.parent.parent / ".cache" / "agents"

INSTALL_SECONDS: Final = 600.0
"""The largest has 400 MB; 5 to 60 s on a fast line."""

START_SECONDS: Final = 180.0
"""Gemini CLI needs 2 s to say its version, and a minute where ten others want the processor."""

Program: TypeAlias = tuple[str, ...]
"""A program and what always follows it."""

Registry: TypeAlias = Literal["npm registry", "package index"]


class Missing(Exception):
    """An agent cannot be installed here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Package:
    """A program as its registry has it.

    Attributes:
        lock: the folder of npm/ or pypi/ that pins it.
        command: the program, below the installation, and what always follows it.
        version: what its `--version` has to say.
        finish: a package below node_modules and the install script of its own that it needs. Newer
            npm runs no script that nobody has approved, and we approve none but these.
    """

    lock: Path
    command: tuple[str, ...]
    version: str
    finish: tuple[str, str] | None = None


NODE: Final = Package(NPM / "node", ("bin/node",), "v24.")
"""Some agents want Node 24, and machines have older ones."""

CLAUDE_CODE: Final = Package(
    NPM / "claude_code",
    ("node_modules/.bin/claude",),
    "2.1.330",
    finish=("@anthropic-ai/claude-code", "install.cjs"),
)


def installed(package: Package) -> Program:
    """The program in its pinned version. Raises `Missing`."""
    folder = CACHE / f"{package.lock.name}-{_digest(package.lock)}"
    if not folder.is_dir():
        install(package, folder)
    program, *rest = package.command
    command = (str(folder / program), *rest)
    path = os.environ["PATH"] if package is NODE else path_with_node()
    said = _run([*command, "--version"], folder, seconds=START_SECONDS, path=path)
    if package.version not in said:
        raise Missing(f"{folder / program} says it is {said.strip()}; delete {folder}, run again.")
    return command


def install(package: Package, folder: Path) -> None:
    """Install what the lock names into a new folder. Raises `Missing`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as name:
        made = Path(name) / folder.name
        shutil.copytree(package.lock, made)
        if package.lock.is_relative_to(PYPI):
            _install_python(made)
        else:
            _install_node(package, made)
        if not folder.is_dir():
            made.rename(folder)


def path_with_node() -> str:
    """PATH with the pinned Node in front; where there is none, the machine's own has to do."""
    try:
        node = installed(NODE)
    except Missing:
        return os.environ["PATH"]
    return f"{Path(node[0]).parent}{os.pathsep}{os.environ['PATH']}"


def _install_node(package: Package, made: Path) -> None:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed; the agents are npm packages.")
    shutil.copy(NPM / ".npmrc", made)
    _run(
        # `npm ci` refuses a lock that lacks an optional package of another platform, and there are
        # registries that do not carry them all; this takes what the lock has as the lock has it.
        [
            *("npm", "install", "--no-save", "--ignore-scripts"),
            *("--no-fund", "--no-audit", "--loglevel=error"),
        ],
        made,
        seconds=INSTALL_SECONDS,
        registry="npm registry",
    )
    if package.finish is not None:
        owner, script = package.finish
        _run(["node", script], made / "node_modules" / owner, seconds=INSTALL_SECONDS)
    if package is NODE:
        found = [*made.glob("node_modules/node-*/bin")]
        if not found:
            raise Missing("npm/node pins a Node for Linux on x64 and arm64 only.")
        (made / "bin").symlink_to(found[0].relative_to(made))


def _install_python(made: Path) -> None:
    """A virtual environment, called by its Python: its scripts would name the folder it was made in."""
    _run([sys.executable, "-m", "venv", str(made / "venv")], made, seconds=INSTALL_SECONDS)
    python = str(made / "venv" / "bin" / "python")
    _run(
        [
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("-r", str(made / "requirements.txt")),
        ],
        made,
        seconds=INSTALL_SECONDS,
        registry="package index",
    )


def _digest(lock: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(lock.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _run(
    command: list[str],
    folder: Path,
    *,
    seconds: float,
    registry: Registry = "npm registry",
    path: str | None = None,
) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=None if path is None else {**os.environ, "PATH": path},
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
            f"`{' '.join(command)}` ended with {done.returncode}; is the {registry} reachable?\n{told}"
        )
    return done.stdout
