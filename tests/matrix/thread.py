"""A client's own record of its thread, and answers that think, say something and call a tool.

A client keeps what it got as its SDK hands it over and sends all of it back: content blocks, a
message, output items or parts.
"""

import json
from dataclasses import dataclass, field

from tests.matrix.answer_wires import completion, generated, message, response, said_item
from tests.matrix.declared import Json
from tests.matrix.request_tools import wires_of
from turnout.capabilities import Dialect

TOOLS = wires_of([("look", "Looks.", {"type": "object", "properties": {"n": {"type": "integer"}}})])

_KEY: dict[Dialect, str] = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini_generate": "contents",
}


@dataclass(slots=True)
class Thread:
    client: Dialect
    turns: list[Json] = field(default_factory=list)

    def fields(self) -> Json:
        return {_KEY[self.client]: list(self.turns)} | TOOLS[self.client]

    def user(self, text: str) -> None:
        match self.client:
            case "gemini_generate":
                self.turns.append({"role": "user", "parts": [{"text": text}]})
            case "openai_responses":
                said = {"type": "input_text", "text": text}
                self.turns.append({"type": "message", "role": "user", "content": [said]})
            case _:
                self.turns.append({"role": "user", "content": text})

    def heard(self, whole: Json) -> None:
        """Keep an answer."""
        match self.client:
            case "anthropic_messages":
                self.turns.append({"role": "assistant", "content": whole["content"]})
            case "openai_chat":
                said = whole["choices"][0]["message"]
                kept = {name: value for name, value in said.items() if value is not None}
                self.turns.append({"content": None} | kept)
            case "openai_responses":
                self.turns += whole["output"]
            case "gemini_generate":
                self.turns.append(whole["candidates"][0]["content"])

    def result(self, call_id: str, text: str) -> None:
        match self.client:
            case "anthropic_messages":
                block = {"type": "tool_result", "tool_use_id": call_id, "content": text}
                self.turns.append({"role": "user", "content": [block]})
            case "openai_chat":
                self.turns.append({"role": "tool", "tool_call_id": call_id, "content": text})
            case "openai_responses":
                self.turns.append(
                    {"type": "function_call_output", "call_id": call_id, "output": text}
                )
            case "gemini_generate":
                result = {"id": call_id, "name": "look", "response": {"output": text}}
                self.turns.append({"role": "user", "parts": [{"functionResponse": result}]})


def thinking_answer(upstream: Dialect, n: int) -> Json:
    """The n-th answer of a thread: reasoning under its maker's seal, a text and a call."""
    thought, said, call_id = f"Weighing {n}.", f"Step {n}.", f"call_{n}"
    match upstream:
        case "anthropic_messages":
            return message(
                [
                    {"type": "thinking", "thinking": thought, "signature": f"QW50aHJvcGlj{n}=="},
                    {"type": "redacted_thinking", "data": f"UmVkYWN0ZWQ{n}="},
                    {"type": "text", "text": said},
                    {"type": "tool_use", "id": call_id, "name": "look", "input": {"n": n}},
                ],
                "tool_use",
            )
        case "openai_chat":
            call = {"name": "look", "arguments": json.dumps({"n": n})}
            return completion(
                {
                    "reasoning_content": thought,
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": thought, "signature": f"Um91dGVy{n}=="}
                    ],
                    "content": said,
                    "tool_calls": [{"id": call_id, "type": "function", "function": call}],
                },
                "tool_calls",
            )
        case "openai_responses":
            return response(
                [
                    {
                        "type": "reasoning",
                        "summary": [{"type": "summary_text", "text": thought}],
                        "encrypted_content": f"T3BlbkFJ{n}==",
                    },
                    said_item(said),
                    {
                        "type": "function_call",
                        "call_id": call_id,
                        "name": "look",
                        "arguments": json.dumps({"n": n}),
                    },
                ]
            )
        case "gemini_generate":
            asked: Json = {"id": call_id, "name": "look", "args": {"n": n}}
            return generated(
                [
                    {"text": thought, "thought": True},
                    {"text": said},
                    {"functionCall": asked, "thoughtSignature": f"R2VtaW5p{n}A=="},
                ]
            )


SEALS = ("QW50aHJvcGlj", "UmVkYWN0ZWQ", "Um91dGVy", "T3BlbkFJ", "R2VtaW5p")
"""How the seals of the makers begin."""


def seals_for(upstream: Dialect, n: int) -> list[str]:
    """What the maker of the n-th answer has to get back."""
    return {
        "anthropic_messages": [f"QW50aHJvcGlj{n}==", f"UmVkYWN0ZWQ{n}="],
        "openai_chat": [f"Um91dGVy{n}=="],
        "openai_responses": [f"T3BlbkFJ{n}=="],
        "gemini_generate": [f"R2VtaW5p{n}A=="],
    }[upstream]


def seals_in(upstream: Dialect, body: Json) -> list[str]:
    """Seals in a request, each where its maker looks for it, in order."""
    match upstream:
        case "anthropic_messages":
            blocks = [b for m in body["messages"] for b in m["content"] if isinstance(b, dict)]
            found = [b.get("signature", b.get("data")) for b in blocks]
            return [seal for seal in found if isinstance(seal, str)]
        case "openai_chat":
            details = [d for m in body["messages"] for d in m.get("reasoning_details", ())]
            return [d["signature"] for d in details]
        case "openai_responses":
            items = [item for item in body["input"] if item.get("type") == "reasoning"]
            return [item["encrypted_content"] for item in items]
        case "gemini_generate":
            parts = [part for content in body["contents"] for part in content["parts"]]
            calls = [part for part in parts if "functionCall" in part]
            signatures = [part.get("thoughtSignature", "") for part in calls]
            return [one for one in signatures if one != "skip_thought_signature_validator"]
