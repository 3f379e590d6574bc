"""The shape of the code, as ARCHITECTURE.md states it: held here so that it stays true."""

import ast
import functools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "services" / "turnout"
GENERATED = ("rpc/v1/", "events/v1/")

LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 80
"""A screen and a half; what is longer has parts that want names."""

PURE = (
    "bonds.py",
    "capabilities.py",
    "errors.py",
    "facts.py",
    "ports.py",
    "dialects/",
    "catalog/",
    "policy/",
)
IMPURE_MODULES = {
    "aiohttp",
    "asyncio",
    "grpc",
    "httpx",
    "logging",
    "multiprocessing",
    "nats",
    "numpy",
    "os",
    "random",
    "redis",
    "secrets",
    "select",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
READS_THE_PACKAGE = {"catalog/packaged.py"}
"""The one file in a pure package that reads something: the catalog that ships with the code."""

FORBIDDEN_NAMES = {"common", "core", "utils", "util", "helpers", "helper", "base", "shared"}
FORBIDDEN_SUFFIXES = ("Manager", "Handler", "Helper", "Util", "Utils", "Base", "Impl")


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    return [path for path in found if not name_of(path).startswith(GENERATED)]


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@functools.cache
def nodes_of(module: Path) -> tuple[ast.AST, ...]:
    """The module itself first."""
    return tuple(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))


@pytest.fixture(params=modules(), ids=name_of)
def module(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


def test_says_what_it_is_and_stays_short(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    if not text.strip():
        return
    tree = nodes_of(module)[0]
    assert isinstance(tree, ast.Module)
    assert ast.get_docstring(tree), "the first docstring says what the module is"
    assert len(text.splitlines()) <= LINES_OF_A_MODULE, "split it along its description"


def test_functions_fit_a_screen(module: Path) -> None:
    for node in nodes_of(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LINES_OF_A_FUNCTION, f"{node.name} has {length} lines"


def test_pure_modules_touch_nothing_outside(module: Path) -> None:
    name = name_of(module)
    if not name.startswith(PURE) or name in READS_THE_PACKAGE:
        return
    for node in nodes_of(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        for imported in names:
            assert imported.split(".")[0] not in IMPURE_MODULES, f"{name} imports {imported}"


def test_names_say_something(module: Path) -> None:
    assert module.stem not in FORBIDDEN_NAMES
    for node in nodes_of(module):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(FORBIDDEN_SUFFIXES), node.name


def test_tokens_have_one_name_each(module: Path) -> None:
    """Nothing of ours is called input_tokens or prompt_tokens: they mean two things on the wire."""
    if not name_of(module).startswith(("policy/", "facts", "ports", "telemetry/", "catalog/cost")):
        return
    for node in nodes_of(module):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert node.target.id not in {"input_tokens", "cached_tokens"}


def test_has_no_loose_ends(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    for pattern in (r"\bTODO\b", r"\bFIXME\b", r"type: ignore", r"\bcast\(", r"mock\.patch"):
        assert not re.search(pattern, text), pattern


def test_tests_patch_nothing() -> None:
    for name in tracked("tests/*.py"):
        if name == "tests/test_shape.py":
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "mock.patch" not in text, name
        assert "monkeypatch.setattr" not in text, name


def test_no_tracked_file_names_a_registry() -> None:
    """Packages are named, hosts are not: a mirror must serve as well."""
    hosts = re.compile(
        "|".join(
            ("pyp" + r"i\.org", "pythonho" + "sted", r"registry\.npm" + "js", "npmmi" + "rror")
        )
    )
    for name in tracked():
        if name.endswith((".png", ".onnx", ".parquet")):
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        found = hosts.search(text)
        assert found is None, f"{name} names {found.group() if found else ''}"


def test_no_tracked_file_is_large() -> None:
    for name in tracked():
        assert (ROOT / name).stat().st_size <= 2 * 1024 * 1024, name
