"""What the models of providers with another vendor's API depart in at their chat endpoints.

Rules: as `provider_quirks`, over which these are laid.
"""

from typing import Final

from turnout.catalog.models import FamilyQuirks
from turnout.catalog.provider_quirks import THINKING_DISABLED
from turnout.quirks import Quirks

DEEPSEEK: Final = (
    # BerriAI/litellm#28138: these refuse the switch.
    FamilyQuirks(names=r"deepseek-(reasoner|r1).*", quirks=Quirks(efforts=("low", "high", "max"))),
)

MOONSHOT: Final = (
    # platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model: these think unless the switch is off, K2.7 Code
    # refuses that.
    FamilyQuirks(
        names=r"kimi-k2\.[56].*",
        quirks=Quirks(efforts=("none",), effort_none=THINKING_DISABLED),
    ),
    # platform.kimi.ai/docs/guide/use-thinking-effort: always thinks, by words of effort.
    FamilyQuirks(
        names=r"kimi-k3.*",
        quirks=Quirks(takes=("reasoning_effort",), efforts=("low", "high", "max")),
    ),
)

ZHIPU: Final = (
    # docs.together.ai/docs/glm-5.3-quickstart and the release notes of ceulen-dev/ceulen 0.23.0, which tried
    # it: from GLM-5.3 on always, and the most of all when told `none`.
    FamilyQuirks(names=r"glm-(5\.[3-9]|[6-9]).*", quirks=Quirks(efforts=("low", "high", "max"))),
)

MINIMAX: Final = (
    # esengine/DeepSeek-Reasonix#3594: `thinking` is adaptive or disabled. M2 thinks all the same
    # (MiniMax-AI/MiniMax-M2#122), M3.1 Flash refuses it ("requires adaptive thinking").
    FamilyQuirks(
        names=r"minimax-m3", quirks=Quirks(efforts=("none",), effort_none=THINKING_DISABLED)
    ),
)

ALIBABA: Final = (
    # docs.qwencloud.com/developer-guides/text-generation/thinking: thinking-only.
    FamilyQuirks(names=r"qwq.*|.*-thinking.*", quirks=Quirks(efforts=())),
)
