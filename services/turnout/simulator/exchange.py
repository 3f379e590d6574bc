"""What the wire formats of the simulator have in common: a call, a refusal, and frames.

Rules of this module: data only. A wire format is a module (`anthropic`, `openai`,
`openai_responses`, `gemini`) whose value of type `Wire` reads a request, charges its prompt to the
cache, and writes the answer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from turnout.capabilities import Dialect
from turnout.catalog import Catalog, Model
from turnout.simulator.answers import Answer, Ask
from turnout.simulator.cache import Block, Charge, PromptCache
from turnout.simulator.json_types import JsonObject

FrameKind: TypeAlias = Literal["start", "content", "end"]
"""Before the first content, content, and what closes a whole answer."""

Headers: TypeAlias = Mapping[str, str]
"""Header fields with lower-case names."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of a streamed answer that are sent at once."""

    kind: FrameKind
    data: bytes


class Refused(Exception):
    """The provider refuses a request; `kind`, `code`, `param` and `details` are its own words."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        details: Sequence[JsonObject] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.details = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has been read and found good.

    Attributes:
        blocks: the prompt with its breakpoints, where the client sets them.
        prompt: the prompt as one string of bytes, where the provider caches by prefix.
        lifetime_seconds: how long an automatic entry lives.
        include_usage: a streamed answer ends with the usage figures.
        omit_thinking: thinking is signed but not shown.
        prefix: what this answer's thinking is bound to; "" for nothing.
        dropped_thinking: places of thinking that came back and is not read.
        seals_thinking: what was thought comes in an encrypted form as well.
        compacts: the answer is one item that stands for the whole prompt.
        echo: the fields of the request that the answer repeats.
        kept_items: what the provider is to store together with its answer; () for nothing.
    """

    model: Model
    ask: Ask
    stream: bool
    prompt_tokens: int
    blocks: tuple[Block, ...] = ()
    prompt: bytes = b""
    lifetime_seconds: int = 0
    include_usage: bool = True
    omit_thinking: bool = False
    prefix: str = ""
    dropped_thinking: tuple[str, ...] = ()
    seals_thinking: bool = False
    compacts: bool = False
    echo: JsonObject = field(default_factory=dict)
    kept_items: tuple[JsonObject, ...] = ()


class Wire(Protocol):
    """One provider's wire format."""

    def read(self, body: bytes, headers: Headers, catalog: Catalog) -> Call:
        """Read a request as the provider does. Raises `Refused` in the provider's words."""
        ...

    def count(self, body: bytes, headers: Headers, catalog: Catalog) -> bytes:
        """The answer to a question for the number of tokens. Raises `Refused`."""
        ...

    def charge(
        self, call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
    ) -> Charge: ...

    def whole(self, call: Call, answer: Answer, charge: Charge, *, created_at: int) -> bytes:
        """The answer as one JSON body."""
        ...

    def frames(
        self, call: Call, answer: Answer, charge: Charge, *, created_at: int
    ) -> Sequence[Frame]:
        """The answer as a stream of events."""
        ...

    def refusal(self, refused: Refused, *, request_id: str) -> bytes:
        """The body of an error answer."""
        ...

    def scripted_refusal(self, status: int, *, retry_after: float | None = None) -> Refused:
        """What the provider says with that status."""
        ...

    def stream_error(
        self, call: Call, answer: Answer, *, sent: Sequence[bytes], created_at: int
    ) -> bytes:
        """An error inside the stream of an answer of which `sent` has been sent."""
        ...

    def stream_type(self) -> str:
        """The content type of a streamed answer."""
        ...

    def ping(self) -> bytes:
        """What the provider sends while it is silent; may be nothing."""
        ...

    def request_id_header(self) -> str: ...


def seed_of(model: str, prompt: Sequence[bytes]) -> bytes:
    """Digest of a prompt and who answers it."""
    digest = hashlib.blake2b(model.encode())
    for piece in prompt:
        digest.update(piece)
    return digest.digest()


def credential_of(headers: Headers) -> str:
    """The key of a request, whichever header carries it; "" when there is none."""
    bearer = headers.get("authorization", "")
    key = headers.get("x-api-key", "") or headers.get("x-goog-api-key", "")
    return key or bearer.removeprefix("Bearer ").strip()


def model_called(name: str, catalog: Catalog, *dialects: Dialect) -> Model | None:
    """The model that speaks one of `dialects` and has just this name; None where there is none.

    A provider knows nothing of what stands around the name for a router: `provider/`, `[1m]`.
    """
    model = catalog.resolve(name) if "[" not in name and "/" not in name else None
    if model is None or name not in {model.id, model.upstream_name, *model.aliases}:
        return None
    return model if catalog.speaks(model, *dialects) else None


def split_text(text: str, size: int) -> list[str]:
    """The text in pieces of `size` characters, as a model's tokens come."""
    return [text[start : start + size] for start in range(0, len(text), size)]
