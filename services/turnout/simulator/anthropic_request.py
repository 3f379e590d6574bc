"""Reads an Anthropic Messages request the way Anthropic does, and refuses what it refuses.

Rules of this module: pure; the checks are those that a router can get wrong (fields, roles, tool
pairing, breakpoints, limits), with Anthropic's messages where they are known.
"""

import re

import msgspec

from turnout.catalog import Catalog, Model
from turnout.simulator.answers import Ask, ToolOffer
from turnout.simulator.anthropic_filling import check_filling
from turnout.simulator.anthropic_thinking import check_thinking
from turnout.simulator.bodies import Unreadable, read_object
from turnout.simulator.cache import Block
from turnout.simulator.exchange import Call, Headers, Refused, credential_of, model_called, seed_of
from turnout.simulator.json_types import JsonObject, array_of, is_object, object_of, text_of
from turnout.simulator.measure import Measure, canonical, measure_of
from turnout.simulator.preserved_thinking import CLAUDES, bind, is_claudes

FRAMING_TOKENS = 3
"""Fresh tokens of every prompt behind its last block; Anthropic never reports zero."""

MAX_BREAKPOINTS = 4
LIFETIMES = {"5m": 300, "1h": 3_600}
ROLES = ("user", "assistant", "system")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")

FIELDS = frozenset(
    (
        *("model", "messages", "max_tokens", "system", "tools", "tool_choice", "thinking"),
        *("stream", "stop_sequences", "metadata", "temperature", "top_p", "top_k"),
        *("service_tier", "container", "context_management", "mcp_servers", "output_config"),
        *("cache_control", "inference_geo", "speed", "diagnostics", "thread", "compaction"),
        *("fallbacks", "fallback_credit_token", "billing_policy", "user_profile_id"),
        *("workspace_id", "safeguards"),
    )
)
"""Top-level fields of anthropic 2.12.0, older samplings fields, and Claude Code's own."""


class Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[JsonObject]


class Body(msgspec.Struct, frozen=True):
    """The fields the simulator acts on."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    system: str | list[JsonObject] = ""
    tools: list[JsonObject] = []
    tool_choice: JsonObject | None = None
    thinking: JsonObject | None = None
    stream: bool = False
    stop_sequences: list[str] = []
    output_config: JsonObject | None = None
    cache_control: JsonObject | None = None


def read_request(
    data: bytes, headers: Headers, catalog: Catalog, *, counting: bool = False
) -> Call:
    """A call, or `Refused`. With `counting` the request is for `count_tokens`."""
    if not credential_of(headers):
        raise Refused("x-api-key header is required", status=401, kind="authentication_error")
    if "anthropic-version" not in headers:
        raise Refused("anthropic-version: header is required")
    body = _decode(data)
    if body.max_tokens is None and not counting:
        raise Refused("max_tokens: Field required")
    model = _model(body.model, catalog)
    _check_messages(body.messages)
    if body.messages[-1].role == "assistant" and TAKES_NO_PREFILL.fullmatch(model.id):
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a"
            " user message."
        )
    _check_thinking(body.messages, is_claude=model.provider == CLAUDES)
    _check_tools(body.tools)
    _check_limits(body, model)
    measure = measure_of(model)
    blocks = _blocks(body, measure)
    _check_breakpoints(blocks)
    prompt_tokens = sum(block.tokens for block in blocks) + FRAMING_TOKENS
    window = model.capabilities.context_tokens
    if window is not None and prompt_tokens > window:
        raise Refused(f"prompt is too long: {prompt_tokens} tokens > {window} maximum")
    thinking = object_of(body.thinking)
    bound = bind(
        model.id,
        system=_system(body),
        tools=body.tools,
        turns=[(message.role, _content(message)) for message in body.messages],
        thinking=thinking,
        betas=headers.get("anthropic-beta", ""),
    )
    return Call(
        model=model,
        ask=_ask(body, blocks, measure),
        stream=body.stream,
        prompt_tokens=prompt_tokens,
        blocks=blocks,
        omit_thinking=thinking.get("display", _usual_display(model.id)) == "omitted",
        prefix=bound.prefix,
        dropped_thinking=bound.dropped,
    )


def _decode(data: bytes) -> Body:
    try:
        fields = read_object(data)
    except Unreadable as error:
        raise Refused(f"The request body is not valid JSON: {error}") from error
    for name in fields:
        if name not in FIELDS:
            raise Refused(f"{name}: Extra inputs are not permitted")
    try:
        return msgspec.convert(fields, Body)
    except msgspec.ValidationError as error:
        raise Refused(_in_their_words(str(error))) from error


def _in_their_words(text: str) -> str:
    """Turn msgspec's "... - at `$.a[0].b`" into Anthropic's "a.0.b: ..."."""
    what, _, where = text.partition(" - at `$")
    path = re.sub(r"\[(\d+)\]", r".\1", where.strip("`")).strip(".")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"{path}.{missing[1]}: Field required".lstrip(".")
    return f"{path}: {what}" if path else what


def _model(name: str, catalog: Catalog) -> Model:
    model = model_called(name, catalog, "anthropic_messages")
    if model is None:
        raise Refused(f"model: {name}", status=404, kind="not_found_error")
    return model


OMITS_THINKING = re.compile(r"claude-(opus-4-[78]|(opus|sonnet|haiku|fable|mythos)-[5-9]).*")
"""platform.claude.com/docs/en/build-with-claude/thinking, controlling thinking display: from Opus 4.7
on thinking is not shown unless it is asked for."""


TAKES_NO_PREFILL = re.compile(
    r"claude-((opus|sonnet)-4-[6-9]|(opus|sonnet|haiku|fable|mythos)-[5-9]).*"
)
"""platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal: from 4.6 on."""


def _usual_display(model: str) -> str:
    return "omitted" if OMITS_THINKING.fullmatch(model) else "summarized"


def _check_messages(messages: list[Message]) -> None:
    if not messages:
        raise Refused("messages: at least one message is required")
    if messages[0].role == "assistant":
        raise Refused('messages: first message must use the "user" role')
    owed: list[str] = []
    owed_at = 0
    for number, message in enumerate(messages):
        if message.role not in ROLES:
            raise Refused(f"messages.{number}.role: Input should be 'user' or 'assistant'")
        last = number == len(messages) - 1
        if not message.content and not (last and message.role == "assistant"):
            raise Refused(f"messages.{number}: all messages must have non-empty content")
        if message.role == "system":
            continue
        results = _results(message, number, owed)
        if missing := [call for call in owed if call not in results]:
            raise Refused(
                f"messages.{owed_at}: `tool_use` ids were found without `tool_result` blocks"
                f" immediately after: {', '.join(missing)}. Each `tool_use` block must have a"
                " corresponding `tool_result` block in the next message."
            )
        owed, owed_at = _calls(message, number), number


def _results(message: Message, number: int, owed: list[str]) -> set[str]:
    found: set[str] = set()
    for place, block in enumerate(_content(message)):
        kind = block.get("type")
        if kind == "text" and not block.get("text"):
            raise Refused("messages: text content blocks must be non-empty")
        if kind in {"thinking", "redacted_thinking"} and "cache_control" in block:
            raise Refused(
                f"messages.{number}.content.{place}.{kind}.cache_control:"
                " Extra inputs are not permitted"
            )
        if kind != "tool_result":
            continue
        call = text_of(block.get("tool_use_id"))
        if message.role != "user" or call not in owed:
            raise Refused(
                f"messages.{number}.content.{place}: unexpected `tool_use_id` found in"
                f" `tool_result` blocks: {call}. Each `tool_result` block must have a corresponding"
                " `tool_use` block in the previous message."
            )
        found.add(call)
    return found


def _calls(message: Message, number: int) -> list[str]:
    calls: list[str] = []
    for place, block in enumerate(_content(message)):
        if block.get("type") != "tool_use" or message.role != "assistant":
            continue
        where = f"messages.{number}.content.{place}.tool_use"
        call = text_of(block.get("id"))
        if not TOOL_ID.fullmatch(call):
            raise Refused(f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not is_object(block.get("input")):
            raise Refused(f"{where}.input: Input should be a valid dictionary")
        if call in calls:
            raise Refused("messages: `tool_use` ids must be unique")
        calls.append(call)
    return calls


def _check_thinking(messages: list[Message], *, is_claude: bool) -> None:
    """Thinking comes back as a Claude model has signed it, shown or omitted, or not at all.

    Imitations look at no signature: Moonshot takes its own, changed ones and none
    (NousResearch/hermes-agent#66948), DeepSeek an empty block too (QwenLM/qwen-code#3788).
    """
    for number, message in enumerate(messages):
        for place, block in enumerate(_content(message)):
            where = f"messages.{number}.content.{place}"
            if block.get("type") == "redacted_thinking":
                # This provider redacts nothing, so it has made none.
                raise Refused(f"{where}: Invalid `data` in `redacted_thinking` block")
            if block.get("type") != "thinking":
                continue
            for name in ("thinking", "signature") if is_claude else ("thinking",):
                if not isinstance(block.get(name), str):
                    raise Refused(f"{where}.thinking.{name}: Field required")
            signature, thinking = text_of(block.get("signature")), text_of(block["thinking"])
            if is_claude and not is_claudes(signature, thinking):
                raise Refused(f"{where}: Invalid `signature` in `thinking` block")


def _check_tools(tools: list[JsonObject]) -> None:
    names: set[str] = set()
    for number, tool in enumerate(tools):
        name = text_of(tool.get("name"))
        if tool.get("type", "custom") == "custom":
            if not NAME.fullmatch(name):
                raise Refused(
                    f"tools.{number}.custom.name: String should match pattern"
                    " '^[a-zA-Z0-9_-]{1,128}$'"
                )
            if not is_object(schema := tool.get("input_schema")):
                raise Refused(f"tools.{number}.custom.input_schema: Field required")
            if schema.get("type") != "object":
                raise Refused(f"tools.{number}.custom.input_schema.type: Input should be 'object'")
        if name in names:
            raise Refused("tools: Tool names must be unique.")
        names.add(name)


def _check_limits(body: Body, model: Model) -> None:
    limit = model.capabilities.max_output_tokens
    asked = body.max_tokens or 0
    if asked < 0:
        raise Refused("max_tokens: Input should be greater than or equal to 0")
    if limit is not None and asked > limit:
        raise Refused(
            f"max_tokens: {asked} > {limit}, which is the maximum allowed number of output"
            f" tokens for {model.id}"
        )
    thinking, choice = object_of(body.thinking), object_of(body.tool_choice)
    config = object_of(body.output_config)
    if body.max_tokens == 0:
        check_filling(stream=body.stream, thinking=thinking, choice=choice, output_config=config)
    effort, forced = text_of(config.get("effort")), text_of(choice.get("type"))
    check_thinking(model.id, thinking, effort=effort, choice=forced, max_tokens=asked)


def _blocks(body: Body, measure: Measure) -> tuple[Block, ...]:
    """The prompt in the order it is cached in: tools, system, messages."""
    # Deferred tools are no part of the prompt until a search has found them.
    offered = [tool for tool in body.tools if not tool.get("defer_loading")]
    blocks = [_block(b"tool:", tool, measure) for tool in offered]
    system = [block for block in _system(body) if block.get("text") != ""]
    blocks.extend(_block(b"system:", block, measure) for block in system)
    # Another tool choice or thinking mode makes the cached messages useless, not tools or system.
    mode = canonical([body.tool_choice, body.thinking], measure)
    blocks.append(Block(data=mode, tokens=0))
    for message in body.messages:
        prefix = message.role.encode() + b":"
        blocks.extend(_block(prefix, block, measure) for block in _content(message))
    if body.cache_control is not None:
        last = blocks[-1]
        blocks[-1] = Block(last.data, last.tokens, _lifetime(body.cache_control))
    return tuple(blocks)


def _system(body: Body) -> list[JsonObject]:
    if isinstance(body.system, str):
        return [{"type": "text", "text": body.system}]
    return body.system


def _block(prefix: bytes, block: JsonObject, measure: Measure) -> Block:
    controls = [block.get("cache_control")]
    plain = {key: value for key, value in sorted(block.items()) if key != "cache_control"}
    if inner := array_of(block.get("content")):
        controls.extend(object_of(item).get("cache_control") for item in inner)
        plain["content"] = [
            {key: value for key, value in object_of(item).items() if key != "cache_control"}
            for item in inner
        ]
    data = canonical(plain, measure)
    control = next((item for item in reversed(controls) if is_object(item)), None)
    return Block(
        data=prefix + data,
        tokens=measure.count_bytes(len(data)),
        lifetime_seconds=None if control is None else _lifetime(control),
    )


def _lifetime(control: JsonObject) -> int:
    ttl = control.get("ttl", "5m")
    if control.get("type") != "ephemeral" or not isinstance(ttl, str) or ttl not in LIFETIMES:
        raise Refused("cache_control: Input should be 'ephemeral' with ttl '5m' or '1h'")
    return LIFETIMES[ttl]


def _check_breakpoints(blocks: tuple[Block, ...]) -> None:
    lifetimes = [block.lifetime_seconds for block in blocks if block.lifetime_seconds is not None]
    if len(lifetimes) > MAX_BREAKPOINTS:
        raise Refused(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided."
            f" Found {len(lifetimes)}."
        )
    if lifetimes != sorted(lifetimes, reverse=True):
        raise Refused(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
            " Note that blocks are processed in the following order: `tools`, `system`,"
            " `messages`."
        )


def _ask(body: Body, blocks: tuple[Block, ...], measure: Measure) -> Ask:
    text, steps = _last_request(body.messages)
    choice = object_of(body.tool_choice)
    output = object_of(object_of(body.output_config).get("format"))
    forced = {"any": "", "tool": text_of(choice.get("name"))}
    return Ask(
        seed=seed_of(body.model, [block.data for block in blocks]),
        user_text=text,
        tools=tuple(
            ToolOffer(text_of(tool.get("name")), tool.get("input_schema"))
            for tool in body.tools
            if tool.get("type", "custom") == "custom" and not tool.get("defer_loading")
        ),
        forced_tool=forced.get(text_of(choice.get("type"))),
        tools_allowed=choice.get("type") != "none",
        parallel=choice.get("disable_parallel_tool_use") is not True,
        steps_done=steps,
        thinking=object_of(body.thinking).get("type") in {"enabled", "adaptive"},
        output_schema=output.get("schema"),
        stop_sequences=tuple(body.stop_sequences),
        max_tokens=body.max_tokens,
        measure=measure,
    )


def _last_request(messages: list[Message]) -> tuple[str, int]:
    """What a person said last, and how many messages with tool results came after it."""
    steps = 0
    for message in reversed(messages):
        if message.role != "user":
            continue
        blocks = _content(message)
        if any(block.get("type") == "tool_result" for block in blocks):
            steps += 1
            continue
        texts = [text_of(block.get("text")) for block in blocks]
        typed = [text for text in texts if text and not text.startswith("<system-reminder>")]
        if typed:
            return typed[-1], steps
    return "", steps


def _content(message: Message) -> list[JsonObject]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}] if message.content else []
    return message.content
