"""Documents that are plain text, given as base64, for targets that read bytes of other kinds alone.

Rules: text is text for every model, also for one that takes no documents; what is no text, whatever it
calls itself, is left to the target.
"""

import base64
import binascii

from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    ResultPart,
    Text,
)
from turnout.dialects.fit.walk import with_contents
from turnout.dialects.media_types import is_text


def with_plain_texts(conversation: Conversation) -> Conversation:
    return with_contents(conversation, _told)


def _told(part: ResultPart) -> ResultPart:
    return _document(part) if isinstance(part, Document) else part


def _document(document: Document) -> Document | Text:
    source = document.source
    if not isinstance(source, Base64Source) or not is_text(source.media_type):
        return document
    try:
        text = base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return document
    told = f"{document.name}\n\n{text}" if document.name else text
    return Text(told, cache=document.cache)
