"""What a statement may do, decided on the parse tree that the engine itself makes of it.

Rules: pure; it takes the lines of `EXPLAIN AST` and the class that the engine gives the statement, and
answers the reason for a refusal or nothing. Kinds of statements, table functions and table engines are
lists of what is allowed: what a later engine adds is refused until somebody has looked at it.

`readonly=1` alone does not do it in chDB: it refuses writes and the table functions `file()` and
`url()`, but lets through the scalar function `file('/etc/passwd')`, INTO OUTFILE, KILL QUERY and
`python()`, all tried on 26.9. A scalar function is also reached without a call, by name:
`arrayMap(file, [...])` shows it as an identifier, and `* APPLY(file)` does not show it at all, hence
the refusal of APPLY.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from turnout.engines.clickhouse.outcome import Access

_READING: Final = (
    "SelectWithUnionQuery",
    "SelectIntersectExceptQuery",
    "Show",
    "Describe",
    "Explain",
    "Exists",
)
_WRITING: Final = (
    "InsertQuery",
    "CreateQuery",
    "AlterQuery",
    "DropQuery",
    "TruncateQuery",
    "UndropQuery",
    "DeleteQuery",
    "UpdateQuery",
    "OptimizeQuery",
    "CheckQuery",
    "Rename",
    "KillQueryQuery",
    "Set",
    "UseQuery",
)
# The tree does not say which SYSTEM statement it is.
_SYSTEM: Final = re.compile(
    r"\s*SYSTEM\s+(?:(?:REFRESH|WAIT|START|STOP|CANCEL)\s+VIEWS?|(?:START|STOP)\s+MERGES"
    r"|SYNC\s+FILE\s+CACHE|FLUSH\s+LOGS)\b",
    re.IGNORECASE,
)

_TABLE_FUNCTIONS: Final = frozenset({
    "format", "generate_series", "generaterandom", "generateseries", "input", "merge",
    "mergetreeindex", "null", "numbers", "numbers_mt", "primes", "sqlstandardvalues", "values",
    "view", "viewexplain", "viewifpermitted", "zeros", "zeros_mt",
})  # fmt: skip
# Database and table engines that keep their data in the engine's own path.
_ENGINES: Final = frozenset({
    "atomic", "join", "memory", "mergetree", "null", "set",
    "aggregatingmergetree", "coalescingmergetree", "collapsingmergetree", "replacingmergetree",
    "summingmergetree", "versionedcollapsingmergetree",
})  # fmt: skip
_FORBIDDEN_NODES: Final = {
    "ColumnsApplyTransformer": "APPLY",
    "Dictionary": "dictionaries",
}

_NODE: Final = re.compile(r"( *)(\S+) ?(\S*)")


@dataclass(frozen=True, slots=True)
class Node:
    depth: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Surface:
    """What this engine offers that reaches beyond its own data; names in lower case."""

    table_functions: frozenset[str]
    scalar_functions: frozenset[str]


def surface(*, table_functions: Sequence[str], functions: Sequence[str]) -> Surface:
    """From the names in system.table_functions and system.functions."""
    return Surface(
        table_functions=frozenset(name.lower() for name in table_functions) - _TABLE_FUNCTIONS,
        scalar_functions=frozenset(
            name.lower() for name in functions if name.lower() == "file" or _is_ai(name)
        ),
    )


def _is_ai(name: str) -> bool:
    """Whether it is aiGenerate or its like, which call a model over the network."""
    return re.match(r"(?:ai|AI)[A-Z]", name) is not None


def parse_tree(explained: str) -> list[Node]:
    """The nodes of `EXPLAIN AST`, top down.

    A line break within an alias gives nodes too many, never too few.
    """
    lines = (_NODE.match(line) for line in explained.split("\n"))
    return [Node(len(found[1]), found[2], found[3]) for found in lines if found]


def refusal(
    tree: Sequence[Node],
    *,
    text: str,
    is_control: bool,
    access: Access,
    surface: Surface,
) -> str | None:
    """Why the statement may not run, or None."""
    if not tree:
        return "the statement could not be parsed"
    root = tree[0]
    if root.kind.startswith(_READING):
        if is_control:
            return "INTO OUTFILE is not allowed"
    elif access == "reader":
        return "Cannot execute query in readonly mode; only telemetry writes"
    elif root.kind == "SYSTEM":
        if not _SYSTEM.match(text):
            return "this SYSTEM statement is not allowed"
    elif root.kind not in _WRITING:
        return f"statements of the kind {root.kind} are not allowed"
    return next(filter(None, (_node_refusal(tree, at, surface) for at in range(len(tree)))), None)


def _node_refusal(tree: Sequence[Node], at: int, surface: Surface) -> str | None:
    node, parent = tree[at], tree[at - 1]
    if node.kind in _FORBIDDEN_NODES:
        return f"{_FORBIDDEN_NODES[node.kind]} are not allowed in the embedded ClickHouse"
    if node.kind == "Literal" and node.depth == 1 and tree[0].kind == "InsertQuery":
        return "FROM INFILE is not allowed"
    name = node.name.lower()
    if node.kind in ("Identifier", "Function") and name in surface.scalar_functions:
        return f"the function {node.name} is not allowed"
    if not node.kind.startswith("Function"):
        return None
    if parent.kind == "Storage":
        is_fine = name in _ENGINES
        return None if is_fine else f"the engine {node.name} is not allowed"
    if name in surface.table_functions or (
        parent.kind == "TableExpression" and name not in _TABLE_FUNCTIONS
    ):
        return f"the table function {node.name} is not allowed"
    return None


def format_of(tree: Sequence[Node], *, default: str) -> str:
    """The format of a reading statement: its FORMAT clause is the last child of the root."""
    children = [node for node in tree if node.depth == 1]
    is_named = (
        bool(children)
        and children[-1].kind == "Identifier"
        and tree[0].kind.startswith(("Select", "Describe", "Explain", "ShowTables"))
        and children[-1].name.isalnum()
    )
    return children[-1].name if is_named else default
