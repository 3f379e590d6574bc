"""Thinking that newer Claude models take back only behind the prompt that it was made for.

Rules of this module: pure; a signature is two seals, one over the thinking and one over its prefix: the
system prompt, the tools and every message and block before it. Cache markers, the form of a plain
text, Claude Code's billing line and settings of single messages are no part of it, nor is a deferred
tool that nothing before has referred to. Every account counts as one made since August 31, 2026, for
which a changed prefix is an error unless the request says otherwise. Which models read whose thinking
is documented for a few only, so all read all.
Source: platform.claude.com/docs/en/build-with-claude/preserved-thinking, with its pages on prefix checks
and on blocks that are bound to a different conversation.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, array_of, object_of, text_of
from turnout.simulator.seals import CODE_BYTES, DIGEST_BYTES, decoded, opens, seal

MODELS = re.compile(r"claude-((opus|sonnet|haiku)-5-[5-9]|(fable|mythos)-5-[1-9]).*")
"""Those that the page on prefix checks names, and their successors."""

BETA = "thinking-binding-controls-2026-08-01"
CLAUDES = "anthropic"
"""Who signs for all Claude models; every other vendor signs for its own."""

SEAL_BYTES = DIGEST_BYTES + CODE_BYTES
BILLING_LINE = "x-anthropic-billing-header"
BEHAVIORS = ("error", "drop_block")

Turn = tuple[str, Sequence[JsonObject]]
"""A message: its role and its blocks."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a request's thinking is bound to.

    Attributes:
        prefix: of what the model will think now; "" where its model binds nothing.
        dropped: places of thinking that came back behind another prefix, and is not read.
    """

    prefix: str = ""
    dropped: tuple[str, ...] = ()


def sign(thinking: str, prefix: str, *, vendor: str = CLAUDES) -> bytes:
    bound = seal("prefix", model=vendor, content=prefix) if prefix else b""
    return seal("thinking", model=vendor, content=thinking) + bound


def is_claudes(signature: str, thinking: str) -> bool:
    """Whether a Claude model has thought that, whatever for; "" is thinking that was not shown."""
    sealed = (decoded(signature) or b"")[:SEAL_BYTES]
    return opens(sealed, "thinking", model=CLAUDES, content=thinking or None)


def bind(
    model: str,
    *,
    system: Sequence[JsonObject],
    tools: Sequence[JsonObject],
    turns: Sequence[Turn],
    thinking: JsonObject,
    betas: str,
) -> Bound:
    """Raises `Refused` where thinking has come back behind another prefix, unless it may be dropped."""
    behavior = _behavior(thinking, betas)
    if MODELS.fullmatch(model) is None:
        return Bound()
    dropped: list[str] = []
    prefixes = _Prefixes(system, tools, turns)
    for where, block, prefix in prefixes.thought():
        bound = (decoded(text_of(block.get("signature"))) or b"")[SEAL_BYTES:]
        if not bound or opens(bound, "prefix", model=CLAUDES, content=prefix):
            continue
        if behavior == "error":
            raise Refused(
                f"{where}: Invalid `signature` in `thinking` block. The block is bound to a different"
                " conversation. Remove the block, or set"
                ' `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
            )
        dropped.append(where)
    return Bound(prefixes.whole(), tuple(dropped))


def _behavior(thinking: JsonObject, betas: str) -> str:
    if thinking.get("block_binding") is None:
        return "error"
    if BETA not in betas:
        raise Refused(
            "thinking.block_binding: This setting requires the value"
            f" {BETA} in the `anthropic-beta` header."
        )
    told = object_of(thinking["block_binding"]).get("prefix_mismatch_behavior")
    if told is None:
        return "error"
    if told not in BEHAVIORS:
        raise Refused(
            "thinking.block_binding.prefix_mismatch_behavior: Input should be 'error' or 'drop_block'"
        )
    return text_of(told)


class _Prefixes:
    def __init__(
        self, system: Sequence[JsonObject], tools: Sequence[JsonObject], turns: Sequence[Turn]
    ) -> None:
        self._head = [
            _canonical(block)
            for block in system
            if not text_of(block.get("text")).startswith(BILLING_LINE)
        ]
        self._tools = tools
        self._turns = turns
        self._before: list[bytes] = []
        self._referred: set[str] = set()

    def thought(self) -> Iterator[tuple[str, JsonObject, str]]:
        """Thinking in order: where it stands, its block, and what is before it."""
        for number, (role, blocks) in enumerate(self._turns):
            for place, block in enumerate(blocks):
                is_thought = block.get("type") == "thinking"
                if is_thought:
                    yield f"messages.{number}.content.{place}", block, self.whole()
                said = {"signature": block.get("signature")} if is_thought else block
                # Messages of one role that follow each other are one.
                self._before.append(role.encode() + b":" + _canonical(said))
                self._refer(block)

    def _refer(self, block: JsonObject) -> None:
        for item in (block, object_of(block.get("tool")), *array_of(block.get("content"))):
            found = object_of(item)
            if found.get("type") == "tool_reference":
                self._referred.add(text_of(found.get("tool_name")) or text_of(found.get("name")))

    def whole(self) -> str:
        """Digest of what has been gone through."""
        offered = (
            {key: value for key, value in tool.items() if key != "defer_loading"}
            for tool in self._tools
            if not tool.get("defer_loading") or tool.get("name") in self._referred
        )
        digest = hashlib.blake2b(digest_size=16)
        for piece in (*map(_canonical, offered), *self._head, *self._before):
            digest.update(piece + b"\n")
        return digest.hexdigest()


def _canonical(block: JsonObject) -> bytes:
    plain = {key: value for key, value in block.items() if key != "cache_control"}
    inner = plain.get("content")
    if isinstance(inner, str):
        inner = [{"type": "text", "text": inner}]
    if inner is not None:
        plain["content"] = [
            {key: value for key, value in object_of(item).items() if key != "cache_control"}
            for item in array_of(inner)
        ]
    return msgspec.json.encode(plain)
