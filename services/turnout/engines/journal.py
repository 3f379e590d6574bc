"""The log file of one child: `<data>/log/<name>.log`, bounded in size.

Rules: the child writes to the file itself, in append mode. A pipe through this process would lose the
last lines of a crash, and would block the child whenever this process is busy. The bound is kept by
copying the newest part aside and truncating in place, which append mode allows.
"""

import os
from pathlib import Path

# Two files of this size at most per child; an engine logs some 2 kB per start.
MAX_LOG_BYTES = 4 * 1024 * 1024
# What of a full log is kept: enough for the story before a crash.
KEPT_BYTES = 1024 * 1024
# Lines of a log that an error message may quote.
QUOTED_BYTES = 4096


def log_path(data_dir: Path, name: str) -> Path:
    return data_dir / "log" / f"{name}.log"


def open_log(path: Path) -> int:
    """Open for appending; the caller closes the descriptor once the child has its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def bound_log(path: Path) -> None:
    """Move the newest part of an over-long log to `<name>.log.1` and empty the file."""
    try:
        if path.stat().st_size <= MAX_LOG_BYTES:
            return
        with path.open("rb") as log:
            log.seek(-KEPT_BYTES, os.SEEK_END)
            path.with_suffix(".log.1").write_bytes(log.read())
        os.truncate(path, 0)
    except FileNotFoundError:
        return


def last_line(path: Path) -> str:
    """The last line that holds something, or nothing; for a message about a child that died."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(-min(QUOTED_BYTES, log.tell()), os.SEEK_END)
            lines = log.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
