"""The agents are pinned by hash, and a machine that cannot have them is told why."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.agents.agent import Agent
from tests.agents.conftest import Programs
from tests.agents.every import AGENTS
from tests.agents.install import CLAUDE_CODE, NODE, NPM, PYPI, Missing, install

NOBODY: Final = "http://127.0.0.1:9"
"""The discard port: nobody listens."""


class Locked(msgspec.Struct, frozen=True):
    version: str = ""
    integrity: str = ""


class Lock(msgspec.Struct, frozen=True):
    packages: dict[str, Locked]


PACKAGES: Final = (NODE, *(agent.package for agent in AGENTS))
NPM_LOCKS: Final = [package.lock for package in PACKAGES if package.lock.is_relative_to(NPM)]


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda lock: lock.name)
def test_every_npm_package_is_pinned_by_hash_and_to_no_host(lock: Path) -> None:
    text = (lock / "package-lock.json").read_text(encoding="utf-8")
    packages = msgspec.json.decode(text, type=Lock).packages
    assert [name for name, one in packages.items() if name and not one.integrity] == []
    assert '"resolved"' not in text


def test_every_python_package_is_pinned_by_hash_and_to_no_host() -> None:
    text = (PYPI / "aider" / "requirements.txt").read_text(encoding="utf-8")
    pinned = [one for one in text.replace("\\\n", " ").splitlines() if one and one[0] != "#"]
    assert pinned
    assert [one for one in pinned if "==" not in one or "--hash=sha256:" not in one] == []
    assert "://" not in text


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_the_agent_is_installed_in_its_pinned_version(agent: Agent, programs: Programs) -> None:
    assert programs.of(agent.name, agent.package)


def test_a_machine_without_node_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="node is not installed"):
        install(CLAUDE_CODE, tmp_path / "agents")


def test_a_registry_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", NOBODY)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(Missing, match="is the npm registry reachable"):
        install(CLAUDE_CODE, tmp_path / "agents")
    assert list(tmp_path.glob("installing-*")) == []
