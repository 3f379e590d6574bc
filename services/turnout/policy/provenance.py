"""Which of a thread's answers a target may be shown the reasoning of.

Reasoning comes with a seal of its maker's: a signature or an encrypted form. Rules:

* A seal belongs to the account that paid for it. OpenAI refuses another organisation's
  (`invalid_encrypted_content`), Anthropic binds those of its newer models to theirs.
* Within Anthropic every Claude model may be shown another's: it reads what it can, and the API leaves
  out the rest without an error (platform.claude.com, preserved thinking). Taking it out here would
  lose what could be read and change the prefix of the thinking behind it, which newer models check.
* Elsewhere only the model that made it: OpenAI and Google do not say that another one may.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Message, Part, Thinking
from turnout.policy.thread import Maker

READS_ITS_SIBLINGS: Final = frozenset({"anthropic"})
"""Providers that sort out themselves which of their models reads whose reasoning."""


def can_read(maker: str, reader: str) -> bool:
    """Both are target ids, "provider/model@credential"."""
    if maker == reader:
        return True
    made_at, _, made_with = maker.rpartition("@")
    read_at, _, read_with = reader.rpartition("@")
    provider = made_at.partition("/")[0]
    return (
        made_with == read_with
        and provider == read_at.partition("/")[0]
        and provider in READS_ITS_SIBLINGS
    )


def unreadable(makers: Sequence[Maker], *, reader: str, message_count: int) -> tuple[range, ...]:
    """The messages, by number, that hold answers whose reasoning `reader` is not shown.

    `makers` are in order of their first messages. What comes before the first one is nobody's that we
    know of, and is taken for the reader's own: a thread that was begun elsewhere. Not for a reader whose
    own reasoning bears our seal.
    """
    found: list[range] = []
    for at, maker in enumerate(makers):
        following = makers[at + 1].first_message if at + 1 < len(makers) else message_count
        run = range(maker.first_message, min(following, message_count))
        if run and not can_read(maker.target, reader):
            found.append(run)
    return tuple(found)


def begins_run(
    makers: Sequence[Maker], *, target: str, message_count: int, is_edited: bool
) -> bool:
    """Whether an answer of `target` behind that many messages is told as a new run.

    Not where it goes on with a run of its own: few runs are kept, and clients that change their history
    with every request would push out those that say whose the others are. An edit that has cut the
    history makes the runs behind it void.
    """
    standing = [maker for maker in makers if maker.first_message <= message_count]
    if not standing or standing[-1].target != target:
        return True
    return is_edited and len(standing) < len(makers)


def with_answer(makers: Sequence[Maker], *, target: str, message_count: int) -> tuple[Maker, ...]:
    """The makers of a thread once `target` has answered behind that many messages."""
    standing = tuple(maker for maker in makers if maker.first_message < message_count)
    if standing and standing[-1].target == target:
        return standing
    return (*standing, Maker(message_count, target))


def shown_to(reader: str, conversation: Conversation) -> Conversation:
    """The conversation less the reasoning that names a maker whom `reader` cannot read; the very
    object where there is none.
    """
    if not any(
        isinstance(part, Thinking) for message in conversation.messages for part in message.parts
    ):
        return conversation
    messages = tuple(_shown(reader, message) for message in conversation.messages)
    if all(new is old for new, old in zip(messages, conversation.messages, strict=True)):
        return conversation
    return replace(conversation, messages=tuple(m for m in messages if m.parts))


def _shown(reader: str, message: Message) -> Message:
    parts = tuple(part for part in message.parts if _is_readable(part, reader))
    return message if len(parts) == len(message.parts) else replace(message, parts=parts)


def _is_readable(part: Part, reader: str) -> bool:
    if not isinstance(part, Thinking) or not part.provenance.target:
        return True
    return can_read(part.provenance.target, reader)
