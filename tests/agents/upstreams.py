"""Who serves: one product for each dialect of an upstream, which serves one cheap model in that dialect
whatever was asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from turnout.capabilities import Dialect


@dataclass(frozen=True, slots=True)
class Upstream:
    """A dialect of an upstream, the model that serves in it, and where a call for it arrives."""

    dialect: Dialect
    model: str
    path: str

    def settings(self, folder: Path) -> dict[str, str]:
        """Full mode, where success is worth little, so that the only candidate serves. The file says
        that the model is served in this dialect alone, because a client's own is preferred.
        """
        file = folder / "catalog.json"
        model = {"id": self.model, "dialects": [self.dialect]}
        file.write_bytes(msgspec.json.encode({"models": [model]}))
        return {
            "TURNOUT_ROUTING__MODE": "full",
            "TURNOUT_ROUTING__VALUE_USD": "0.1",
            "TURNOUT_ROUTING__CANDIDATES": msgspec.json.encode([self.model]).decode(),
            "TURNOUT_CATALOG__FILE": str(file),
        }


PATHS: Final[dict[Dialect, str]] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini_generate": "/v1beta/models/{model}:streamGenerateContent",
}

MODELS: Final[dict[Dialect, str]] = {
    "anthropic_messages": "claude-haiku-5-5",
    "openai_chat": "gpt-6-luna",
    "openai_responses": "gpt-5.6-luna",
    "gemini_generate": "gemini-3.1-flash-lite",
}

UPSTREAMS: Final = tuple(
    Upstream(dialect, model, PATHS[dialect].format(model=model))
    for dialect, model in MODELS.items()
)
