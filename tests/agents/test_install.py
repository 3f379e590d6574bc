"""The agents are pinned by hash, and a machine that cannot have them is told why."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.agents.install import LOCK, Missing, install

NOBODY: Final = "http://127.0.0.1:9"
"""The discard port: nobody listens."""


class Locked(msgspec.Struct, frozen=True):
    version: str = ""
    integrity: str = ""


class Lock(msgspec.Struct, frozen=True):
    packages: dict[str, Locked]


def test_every_package_is_pinned_by_hash_and_to_no_host() -> None:
    text = (LOCK / "package-lock.json").read_text(encoding="utf-8")
    packages = msgspec.json.decode(text, type=Lock).packages
    assert [name for name, one in packages.items() if name and not one.integrity] == []
    assert "://" not in text


def test_a_machine_without_node_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="node is not installed"):
        install(tmp_path / "agents")


def test_a_registry_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", NOBODY)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(Missing, match="is the npm registry reachable"):
        install(tmp_path / "agents")
    assert list(tmp_path.glob("installing-*")) == []
