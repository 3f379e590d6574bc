"""How much of what clients and providers write themselves goes into facts.

Rules: a fact always fits the spool (`turnout.bus.records`), whatever was sent; so a text of somebody else's
is cut where it enters a fact, and a list of them is bounded too. Names of sessions and threads are known
by their digests instead (`turnout.policy.identity`), because they are looked up by.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from turnout.bonds import NAMES

LONGEST_MODEL_NAME_BYTES: Final = 512
"""The longest of the catalog has 29, an ARN of Bedrock's some 120. One that nobody knows stands in a decision
fifty times: in every target that its thread was served by."""

LONGEST_TEXT: Final = 200
"""Characters of an id or a word of a provider's, or of a tool's kind; the longest ids seen have 60."""

MOST_TOOL_KINDS: Final = 64
"""Of the tools in one request that its provider would run; there are two dozen of them in all dialects."""


def model_name(name: str) -> str:
    """As much of a model's name as is kept; all of one that is not refused."""
    return name.encode()[:LONGEST_MODEL_NAME_BYTES].decode(errors="ignore")


def cut(text: str) -> str:
    return text[:LONGEST_TEXT]


def kinds(told: Iterable[str]) -> tuple[str, ...]:
    """What our dialects have words for once each; of the others, which are tools, the first."""
    told = tuple(told)
    words = tuple(dict.fromkeys(kind for kind in told if kind in NAMES))
    tools = (cut(kind) for kind in told if kind not in NAMES)
    return (*islice(tools, MOST_TOOL_KINDS), *words)
