"""Parts of a content into neutral parts.

Rules: a part holds one thing; what stands beside it (video metadata, resolution) is an extra of the
neutral part; base64 is never decoded, and is of the usual alphabet afterwards; a file of Google's
own is readable there alone, any other link is one; code that ran at Google's and what it printed are
texts, which go back whole to their own dialect; sound, film and whatever is not known here is `Opaque`,
whole. A signature is reasoning in front of its part, as
`Thinking` says; one of ours is what it stands for.
"""

import re
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import (
    Base64Source,
    Document,
    Fields,
    FileSource,
    Image,
    Opaque,
    Part,
    Provenance,
    Text,
    Thinking,
    UrlSource,
)
from turnout.dialects.gemini_generate.fields import WireFields
from turnout.dialects.gemini_generate.thoughts import is_sealed, is_signature, unsealed
from turnout.dialects.media_types import is_text
from turnout.dialects.reading import utf8

_YOUTUBE: Final = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com|youtu\.be)/")

MAKER: Final = Provenance("gemini_generate")

_GOOGLES_FILE: Final = re.compile(
    r"gs://|files/|https://generativelanguage\.googleapis\.com/|https://storage\.googleapis\.com/"
)


def decode_media(part: WireFields, raw: msgspec.Raw) -> Image | Document | Opaque | None:
    """A picture or a document, given as bytes or as a link; None when the part is neither."""
    blob = part.object("inlineData")
    if blob is not None:
        media_type = blob.string("mimeType") or ""
        source = Base64Source(media_type, _usual_base64(blob.string("data") or ""))
        return _media(source, media_type, blob, part, raw)
    file = part.object("fileData")
    if file is None:
        return None
    media_type = file.string("mimeType") or ""
    uri = file.required_string("fileUri")
    link = FileSource(uri) if is_googles_file(uri) else UrlSource(uri)
    return _media(link, media_type, file, part, raw)


def _usual_base64(data: str) -> str:
    """Google takes both alphabets (JSON of protocol buffers) and google-genai writes the one for URLs;
    no other vendor takes that.
    """
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


def _media(
    source: Base64Source | FileSource | UrlSource,
    media_type: str,
    inner: WireFields,
    part: WireFields,
    raw: msgspec.Raw,
) -> Image | Document | Opaque:
    name = inner.string("displayName") or ""
    typed: Fields = ()
    if media_type and not isinstance(source, Base64Source):
        typed = (("mimeType", msgspec.json.encode(media_type).decode()),)
    if media_type.startswith("image/"):
        named: Fields = (("displayName", msgspec.json.encode(name).decode()),) if name else ()
        return Image(source, extras=typed + named + part.rest())
    if is_document(media_type):
        return Document(source, name=name, extras=typed + part.rest())
    uri = source.url if isinstance(source, UrlSource) else ""
    heard = media_kind(media_type, uri)
    whole = opaque(raw, part.where)
    return replace(whole, kind=heard) if heard else whole


def is_googles_file(uri: str) -> bool:
    """Whether Google alone can read it."""
    return _GOOGLES_FILE.match(uri) is not None


def is_document(media_type: str) -> bool:
    return is_text(media_type) or media_type == "application/pdf"


def media_kind(media_type: str, uri: str) -> Literal["audio", "video", ""]:
    """What is heard or watched; "" for anything else. Links to YouTube have no type."""
    match media_type.partition("/")[0]:
        case "audio":
            return "audio"
        case "video":
            return "video"
        case "" if _YOUTUBE.match(uri):
            return "video"
        case _:
            return ""


def opaque(raw: msgspec.Raw, where: str) -> Opaque:
    json = utf8(where, bytes(raw))
    kinds = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    beside = {"thought", "thoughtSignature", "thought_signature", "videoMetadata"}
    kind = next((name for name in kinds if name not in beside), "")
    return Opaque("gemini_generate", kind, json, where)


def executed(part: WireFields, raw: msgspec.Raw) -> Opaque | None:
    """Code that ran at Google's, or what it printed; None when the part is neither."""
    code, result = part.object("executableCode"), part.object("codeExecutionResult")
    if code is not None:
        text = _fenced(code.string("code") or "", (code.string("language") or "").lower())
    elif result is not None:
        failed = result.string("outcome") not in {None, "OUTCOME_OK"}
        said = "It failed and printed" if failed else "It printed"
        text = f"{said}:\n{_fenced(result.string('output') or '', '')}"
    else:
        return None
    return replace(opaque(raw, part.where), elsewhere=(Text(text),))


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"


class ReasoningDecoder:
    """The parts of one content, with the reasoning that its signatures stand for in front of each.

    A thought part under a seal is another maker's; the seal behind it has the same reasoning whole,
    so of the two only the latter is kept. They are added to `parts`.
    """

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        # How many parts at the end are thought parts that bear our mark, or follow one.
        self._marked = 0

    def thought(self, text: str, signature: str, extras: Fields) -> None:
        if is_sealed(signature):
            made_by = next((one.provenance for one in unsealed(signature)), None)
            self.parts.append(Thinking(text, made_by or Provenance("openai_chat")))
            self._marked += 1
            return
        last = self.parts[-1] if self.parts else None
        if self._marked and not signature and isinstance(last, Thinking):
            self.parts[-1] = Thinking(last.text + text, last.provenance)
            return
        self._marked = 0
        kept = signature if is_signature(signature) else ""
        self.parts.append(Thinking(text, MAKER, signature=kept, extras=extras))

    def before(self, signature: str) -> None:
        """The reasoning that led to the part that is added next."""
        if not signature:
            pass
        elif is_sealed(signature):
            pieces = unsealed(signature)
            if any(one.text for one in pieces):
                del self.parts[len(self.parts) - self._marked :]
            self.parts.extend(pieces)
        elif is_signature(signature):
            self.parts.append(Thinking("", MAKER, signature=signature))
        self._marked = 0

    def add(self, part: Part | None, signature: str) -> None:
        self.before(signature)
        if part is not None:
            self.parts.append(part)


def text_part(text: str, part: WireFields) -> Text | None:
    """None for an empty text that is there for its signature alone."""
    extras = part.rest()
    return Text(text, extras=extras) if text or extras else None
