"""The home of a user whose agents have kept transcripts (`home/`), every text of which is `TEXT`."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from turnout.learn.audit.transcripts import AGENTS, Gathered, gather, known_places

HOME = Path(__file__).parent / "home"

TEXT = "marmalade"
"""Stands wherever somebody has said something: it is in no figure, id, name of a tool or time."""

EXPORTS = (HOME / "spend.csv", HOME / "spend.json")


def gather_home(home: Path = HOME) -> Gathered:
    return gather(known_places(home, {}, AGENTS))


def copy_home(directory: Path) -> Path:
    return Path(shutil.copytree(HOME, directory / "home"))


def write_database(storage: Path, database: Path) -> None:
    """The older files of opencode as its newer versions keep them."""
    with closing(sqlite3.connect(database)) as made, made:
        made.execute("CREATE TABLE session (id, parent_id, directory, version, time_created)")
        made.execute("CREATE TABLE message (id, session_id, time_created, data TEXT)")
        made.execute("CREATE TABLE part (id, message_id, session_id, data TEXT)")
        for path in storage.glob("session/*/*.json"):
            one = json.loads(path.read_text())
            names = (one["id"], one.get("parentID"), one["directory"], one["version"])
            made.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?)", (*names, one["time"]["created"])
            )
        for path in storage.glob("message/*/*.json"):
            one = json.loads(path.read_text())
            id_, session, created = one.pop("id"), one.pop("sessionID"), one["time"]["created"]
            made.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?)", (id_, session, created, json.dumps(one))
            )
        for path in storage.glob("part/*/*.json"):
            one = json.loads(path.read_text())
            own = (one.pop("id"), one.pop("messageID"), one.pop("sessionID"))
            made.execute("INSERT INTO part VALUES (?, ?, ?, ?)", (*own, json.dumps(one)))
