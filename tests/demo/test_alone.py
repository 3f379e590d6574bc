"""The load test's users import these modules where the rest of Turnout is not installed."""

import ast
from pathlib import Path

import pytest

import turnout.demo

DEMO = Path(turnout.demo.__file__).parent
ALONE = ("shapes", "sessions", "prompts")


@pytest.mark.parametrize("name", ALONE)
def test_imports_nothing_of_turnout_but_its_like(name: str) -> None:
    tree = ast.parse((DEMO / f"{name}.py").read_text(encoding="utf-8"))
    imported = {
        node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    } | {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    ours = {module for module in imported if module.startswith("turnout")}
    assert ours <= {f"turnout.demo.{other}" for other in ALONE}
