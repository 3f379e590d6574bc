"""Who is asking and in which thread, told from headers and the shape of the body.

Rules:
* The harness follows from headers that only it sends, or from the shape of the body; a user agent
  counts only together with one of them (Qwen Code calls itself claude-cli).
* Session and thread are what the harness names; what it does not name is a fingerprint of principal,
  harness, system prompt, tool names and the first text the user typed. `prompt_cache_key` names at
  most a session: Codex, Copilot and Qwen Code send one key for the main loop and its subagents.
* Auxiliary requests have a thread of their own, so that they never touch the main thread.
* A name longer than an outcome may give is known by its digest: facts stay small, requests that share
  it stay together, and what is stored can be named in an outcome. No request fails for a long name.
* No token is kept: a principal is a digest.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.survey import Survey
from turnout.policy.arms import NO_EXPERIMENT, Experiment, arm_of
from turnout.policy.request import CredentialSource, Harness, Identity, RequestClass
from turnout.policy.steps import (
    CodexTurn,
    aside_kind,
    codex_turn,
    hinted_class,
    is_gemini_subagent,
    is_probe,
    is_safety_classifier,
    is_search_alone,
    is_token_count,
)

KEY_BYTES: Final = 16
"""128 bits: keys of different tenants never meet by chance."""

LONGEST_NAME: Final = 200
"""Characters; `POST /v1/outcomes` takes as many. What harnesses send is a UUID or two."""

SCOPES_KEPT: Final = 1_024
"""Of heads and accounts that are asked for again and again: every step of a thread names the same ones."""

MAIN_THREAD: Final = "main"
AUXILIARY_THREAD: Final = "auxiliary:"

_ALWAYS_OFFERS_TOOLS: Final[frozenset[Harness]] = frozenset(
    {"claude_code", "codex", "opencode", "gemini_cli", "qwen_code", "copilot", "cline"}
)
"""Harnesses whose main loop and subagents offer tools on every step. pi and aider may not."""


class _ClaudeUser(msgspec.Struct):
    """`metadata.user_id` of Claude Code: a JSON object inside a string."""

    session_id: str = ""


_CLAUDE_USER: Final = msgspec.json.Decoder(_ClaudeUser)


class _Named(NamedTuple):
    """What the harness itself says; "" where it says nothing."""

    session: str
    thread: str
    is_subagent: bool
    user_turn: str


def principal_of(key: str) -> str:
    """A digest that stands for a router key or a provider account; the key cannot be found from it."""
    return blake2b(key.encode(), digest_size=KEY_BYTES, person=b"principal").hexdigest()


@lru_cache(maxsize=SCOPES_KEPT)
def head_scope(
    principal: str, credential: CredentialSource, provider: str, head_digest: str
) -> str:
    """The key of a shared head. A provider's prompt cache belongs to the account that pays: with a
    client's own credential that is the principal, with ours it is one for all principals.
    """
    account = principal if credential == "client" else ""
    return _key(account, credential, provider, head_digest)


def account_of(principal: str, credential: CredentialSource, provider: str) -> str:
    """Whose limits a call uses up: those of the client's own account, "" for ours."""
    return account_scope(principal, credential, provider) if credential == "client" else ""


def account_scope(principal: str, credential: CredentialSource, provider: str) -> str:
    """The key of an account: that of the head that every prompt has."""
    return head_scope(principal, credential, provider, "")


def identify(
    headers: Mapping[str, str],
    survey: Survey,
    *,
    dialect: Dialect,
    principal: str,
    tenant: str,
    path: str = "",
    experiment: Experiment = NO_EXPERIMENT,
) -> Identity:
    """Name session, thread, request class and arm. `headers` has lower-case names; `path` tells a token
    count from a request of the thread.
    """
    claude_session = _claude_session(headers, survey)
    harness = _harness(headers, survey, claude_session, dialect)
    turn = codex_turn(headers)
    named = _named(headers, survey, harness, claude_session, turn)
    request_class = _request_class(headers, survey, harness, turn, path, named)
    is_explicit = bool(named.session and named.thread)
    session, thread = _bounded(named.session), _bounded(named.thread)
    if not is_explicit:
        thread = _key(
            principal,
            harness,
            # One client speaks one dialect; two that begin alike are two threads.
            dialect,
            survey.system_digest,
            survey.tools_digest,
            survey.first_typed_text,
        )
        session = session or thread
    if request_class == "auxiliary":
        thread = AUXILIARY_THREAD + survey.head_digest
    return Identity(
        tenant=tenant,
        principal=principal,
        harness=harness,
        session=session,
        thread=thread,
        thread_key=_key(principal, session, thread),
        is_subagent=named.is_subagent or request_class == "subagent",
        is_explicit=is_explicit,
        request_class=request_class,
        user_turn=_bounded(named.user_turn),
        arm=arm_of(session, tenant=tenant, experiment=experiment),
    )


def _bounded(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else _key(name)


def _key(*parts: str) -> str:
    """Digest of a sequence of parts; where one part ends and the next begins counts."""
    # surrogatepass: a lone surrogate in a JSON text must not fail the request.
    lengths = ",".join([str(len(part)) for part in parts])
    text = "".join((lengths, ";", *parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).hexdigest()


def _claude_session(headers: Mapping[str, str], survey: Survey) -> str:
    session = headers.get("x-claude-code-session-id", "")
    user = survey.user_field
    if session or not user:
        return session
    if user.startswith("{"):
        try:
            return _CLAUDE_USER.decode(user).session_id
        except (msgspec.DecodeError, UnicodeEncodeError):
            return ""
    # The form before the JSON object: user_<device>_account_<uuid>_session_<uuid>.
    return user.partition("_session_")[2] if user.startswith("user_") else ""


def _harness(
    headers: Mapping[str, str], survey: Survey, claude_session: str, dialect: Dialect
) -> Harness:
    agent = headers.get("user-agent", "")
    if claude_session and dialect == "anthropic_messages":
        return "claude_code"
    if "x-codex-turn-metadata" in headers or "x-codex-window-id" in headers:
        return "codex"
    if headers.get("originator", "").startswith("codex") and "session-id" in headers:
        return "codex"
    if "x-parent-session-id" in headers or "x-session-affinity" in headers:
        # Crush sends the same pair.
        return "unknown" if agent.startswith("Charm-Crush/") else "opencode"
    if "x-interaction-type" in headers or "x-initiator" in headers:
        return "copilot"
    if "x-gemini-api-privileged-user-id" in headers:
        return "gemini_cli"
    if dialect == "gemini_generate" and agent.startswith("GeminiCLI"):
        # Whoever has turned its usage statistics off sends no installation's id.
        return "gemini_cli"
    if survey.prompt_cache_key.startswith("qwen-code:"):
        return "qwen_code"
    if "session_id" in headers and headers["session_id"] == survey.prompt_cache_key:
        return "pi"
    return _harness_by_shape(headers, survey, agent, dialect)


def _harness_by_shape(
    headers: Mapping[str, str], survey: Survey, agent: str, dialect: Dialect
) -> Harness:
    """Harnesses without a header of their own: user agent and shape must agree."""
    if agent.startswith(("claude-cli/", "QwenCode/")):
        # Claude Code always names its session, so a claude-cli that names none is Qwen Code.
        return "qwen_code"
    if "ai-sdk/" in agent and survey.tool_count:
        return "cline"
    if agent.startswith("pi (") and (survey.tool_count or "x-stainless-lang" in headers):
        return "pi"
    if _is_litellm(headers, agent) and survey.stream and not survey.tool_count:
        return "aider"
    if "x-stainless-lang" in headers:
        return "anthropic_sdk" if dialect == "anthropic_messages" else "openai_sdk"
    return "unknown"


def _is_litellm(headers: Mapping[str, str], agent: str) -> bool:
    """LiteLLM, the library that aider calls, has a user agent of its own except where it calls through
    OpenAI's SDK; there it wants the raw answer, which hardly anybody else does.
    """
    if agent.startswith("litellm/"):
        return True
    return agent.startswith("OpenAI/Python") and (headers.get("x-stainless-raw-response") == "true")


def _named(
    headers: Mapping[str, str],
    survey: Survey,
    harness: Harness,
    claude_session: str,
    turn: CodexTurn,
) -> _Named:
    match harness:
        case "claude_code":
            agent_id = headers.get("x-claude-code-agent-id", "")
            return _Named(
                claude_session,
                agent_id or MAIN_THREAD,
                bool(agent_id),
                headers.get("x-claude-code-prompt-id", ""),
            )
        case "codex":
            session = headers.get("session-id") or turn.session_id
            thread = headers.get("thread-id") or turn.thread_id
            # `<thread>:<n>`; n counts compactions, whose new prompt the digests tell as well.
            thread = thread or headers.get("x-codex-window-id", "").rpartition(":")[0]
            thread = thread or headers.get("x-client-request-id", "")
            is_subagent = turn.thread_source == "subagent" or (
                headers.get("x-openai-subagent", "compact") != "compact"
            )
            return _Named(session or thread, thread, is_subagent, turn.root_turn_id or turn.turn_id)
        case "opencode":
            own = headers.get("x-session-id") or headers.get("x-session-affinity", "")
            parent = headers.get("x-parent-session-id", "")
            return _Named(parent or own, own, bool(parent), "")
        case "copilot":
            is_subagent = headers.get("x-interaction-type") == "conversation-subagent"
            return _Named(survey.prompt_cache_key, "", is_subagent, "")
        case "qwen_code":
            return _Named(survey.prompt_cache_key, "", is_subagent=False, user_turn="")
        case "pi":
            return _Named(
                survey.prompt_cache_key, survey.prompt_cache_key, is_subagent=False, user_turn=""
            )
        case _:
            session = headers.get("x-session-id", "")
            is_subagent = harness == "gemini_cli" and is_gemini_subagent(survey)
            return _Named(session, "", is_subagent, "")


def _request_class(
    headers: Mapping[str, str],
    survey: Survey,
    harness: Harness,
    turn: CodexTurn,
    path: str,
    named: _Named,
) -> RequestClass:
    if is_token_count(path) or is_safety_classifier(survey):
        return "auxiliary"
    hint = hinted_class(headers, turn)
    if hint:
        # A subagent may call its own request "main" of its loop.
        return "subagent" if hint == "main" and named.is_subagent else hint
    aside = aside_kind(harness, survey)
    if aside == "compaction":
        return "compaction"
    if aside is not None or is_probe(survey):
        return "auxiliary"
    if harness == "claude_code" and is_search_alone(survey):
        return "auxiliary"
    if survey.tool_count == 0 and harness in _ALWAYS_OFFERS_TOOLS:
        return "auxiliary"
    return "subagent" if named.is_subagent else "main"
