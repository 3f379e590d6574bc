"""Real git repositories in which people and agents work at times that a test names."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# 2026-03-02 09:00:00 UTC, a Monday
MONDAY = 1_772_442_000
HOUR = 3_600
DAY = 24 * HOUR
PERSON = ("Ada", "ada@example.com")
AGENT_TRAILER = "Co-Authored-By: Claude <noreply@anthropic.com>"


def session_trailer(session: str) -> str:
    return f"Turnout-Session: {session}"


def lines(*words: str) -> str:
    return "".join(f"{word}\n" for word in words)


def numbered(name: str, count: int) -> str:
    """Lines that differ from each other and are long enough for moves to be recognised."""
    return lines(*(f"{name} writes the line number {at} of this file" for at in range(count)))


@dataclass(slots=True)
class Workshop:
    """A repository with a clock of its own; every commit takes the time that it says."""

    path: Path
    at: int = MONDAY
    author: tuple[str, str] = PERSON
    _empty: Path = field(init=False)

    def __post_init__(self) -> None:
        self._empty = self.path.parent / "no-settings"
        self._empty.touch()
        self.path.mkdir()
        self.git("init", "-q", "-b", "main")

    def environment(self) -> Mapping[str, str]:
        """Nothing of the tester's own settings of git."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        name, email = self.author
        stamp = f"@{self.at} +0000"
        return kept | {
            "GIT_CONFIG_GLOBAL": str(self._empty),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
            "GIT_AUTHOR_DATE": stamp,
            "GIT_COMMITTER_DATE": stamp,
            "GIT_EDITOR": "true",
        }

    def git(self, *arguments: str, keep_author_date: bool = False) -> str:
        environment = dict(self.environment())
        if keep_author_date:
            del environment["GIT_AUTHOR_DATE"]
        told = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, f"git {' '.join(arguments)}: {told.stderr or told.stdout}"
        return told.stdout.strip()

    def later(self, seconds: int) -> None:
        self.at += seconds

    def commit(self, files: Mapping[str, str | None], message: str, *trailers: str) -> str:
        """Write files (None removes one) and commit; a minute later."""
        self.at += 60
        for name, text in files.items():
            file = self.path / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        self.git("add", "-A")
        body = message if not trailers else message + "\n\n" + "\n".join(trailers)
        self.git("commit", "-q", "--allow-empty", "-m", body)
        return self.head()

    def agent(self, files: Mapping[str, str | None], session: str = "s-1") -> str:
        """A commit of an agent in a session."""
        return self.commit(files, "Work of an agent", session_trailer(session), AGENT_TRAILER)

    def head(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", name)

    def branch(self, name: str) -> None:
        self.git("switch", "-q", "-c", name)

    def switch(self, name: str) -> None:
        self.git("switch", "-q", name)

    def merge(self, name: str, message: str = "") -> str:
        """A merge commit, as the button makes one."""
        self.at += 60
        self.git("merge", "-q", "--no-ff", "-m", message or f"Merge branch '{name}'", name)
        return self.head()

    def squash(self, name: str, message: str) -> str:
        self.at += 60
        self.git("merge", "-q", "--squash", name)
        self.git("commit", "-q", "-m", message)
        return self.head()

    def rebase(self, name: str, onto: str) -> None:
        self.at += 60
        self.git("rebase", "-q", onto, name, keep_author_date=True)

    def revert(self, sha: str, *, mainline: bool = False) -> str:
        self.at += 60
        self.git("revert", "--no-edit", *(["-m", "1"] if mainline else []), sha)
        return self.head()
