"""The texts to cluster: benchmark prompts and what users and subagents were told in traces.

Rules of this module: pure over tables; what a harness wrote into a turn by itself is left out,
because the scorer never embeds it; equal texts count once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from turnout.learn.parquet import Table
from turnout.scorer.tokens import cut

INJECTED: Final = re.compile(
    r"^(<(command-name|command-message|local-command|bash-|task-notification|system-reminder"
    r"|user_instructions|environment_context|turn_aborted)|\[Request interrupted|Caveat: The mess)"
)
"""How turns begin that no user typed."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Distinct cut texts in order; `items` gives the text of (dataset, item)."""

    texts: tuple[str, ...]
    items: Mapping[tuple[str, str], str]


def read_texts(items: Table, turns: Table) -> Texts:
    by_item = {
        (dataset, item): cut(prompt)
        for dataset, item, prompt in zip(
            items.texts("dataset"), items.texts("item_id"), items.texts("prompt"), strict=True
        )
        if cut(prompt)
    }
    typed = [cut(prompt) for prompt in turns.texts("prompt") if not INJECTED.match(prompt)]
    distinct = dict.fromkeys(text for text in (*by_item.values(), *typed) if text)
    return Texts(texts=tuple(distinct), items=by_item)
