"""The detail in which an image is looked at, in the words that a target takes.

Rule: a word that it does not know asks for more than the words that it knows, so it gets the most of
these; one that is not given stays so.
"""

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Image, ResultPart
from turnout.dialects.fit.walk import part_types, with_contents


def with_details(conversation: Conversation, taken: tuple[str, ...] | None) -> Conversation:
    """`taken` ends with the most detail; None where every word is taken."""
    if taken is None or Image not in part_types(conversation):
        return conversation

    def detailed(part: ResultPart) -> ResultPart:
        if isinstance(part, Image) and part.detail and part.detail not in taken:
            return replace(part, detail=taken[-1])
        return part

    return with_contents(conversation, detailed)
