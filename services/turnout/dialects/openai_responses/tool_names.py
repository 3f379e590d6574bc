"""Names of tools in namespaces and of the client's tool search, as one plain name and back.

Other wires know neither. A function of a namespace is called `namespace--name` there, the tool
search that the client runs `tool_search`. Rules: the way back needs no list of tools, because the
encoder of an answer has none; names stay within what every vendor takes (letters, digits, `_`, `-`,
a letter or `_` in front); a name that nothing of this applies to stays as it is, so hardly any changes.
Two hyphens and not two underscores, because names of MCP tools are full of these.
"""

from typing import Final

SEPARATOR: Final = "--"
TOOL_SEARCH: Final = "tool_search"

_PLAIN: Final = "_"
"""In the place of a namespace: the name behind it has none, and would be taken for another."""


def joined_name(namespace: str, name: str) -> str:
    if namespace == _PLAIN:
        return f"{_PLAIN}-1{SEPARATOR}{name}"
    if namespace:
        # Every hyphen is followed by a digit, so the first two in a row are the separator.
        return f"{namespace.replace('-', '-0')}{SEPARATOR}{name}"
    if SEPARATOR in name or name == TOOL_SEARCH:
        return f"{_PLAIN}{SEPARATOR}{name}"
    return name


def split_name(joined: str) -> tuple[str, str]:
    """The namespace, "" without one, and the name."""
    head, separator, name = joined.partition(SEPARATOR)
    if not separator or not head:
        return "", joined
    if head == _PLAIN:
        return "", name
    return head.replace("-1", "").replace("-0", "-"), name
