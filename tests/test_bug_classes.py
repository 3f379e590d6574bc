"""Every class of bug that recurs among gateways has a test here that is named after it.

Rules: a test function named `test_bug_NN_...` (or `test_bug_NN_MM_...`, for several at once) holds
class NN and stands beside the code that it holds; this module knows the classes, and nothing of how
each is held.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent

CLASSES = {
    1: "a block begins before its message, when the first chunk is a tool call",
    2: "parallel calls share one block index",
    3: "a fragment goes to a block that was never opened",
    4: "a fragment follows the end of its block, when calls interleave",
    5: "a text and the first call share an output index (Responses)",
    6: "a call without arguments is not an empty object, or its input is told twice",
    7: "the first bytes of the arguments are lost",
    8: "the stop word says end although tools were called, or hides a cut",
    9: "the stop word says tool use without any call, and the client waits",
    10: "CRLF, missing spaces, comments or many data lines break the event reader",
    11: "arguments are held back until they are whole",
    12: "an error inside a 200 passes for success",
    13: "a stream that dies ends without the error event of its protocol",
    14: "nothing is said while the model thinks",
    15: "the first usage says 0 input tokens",
    16: "cached tokens are counted twice, or not at all, between two arithmetics",
    17: "cached and written tokens are dropped, or erased by later reports without them",
    18: "tokens are not counted, too few are, or counting failed takes the model away",
    19: "the billing line, other in every request, is part of the prompt elsewhere",
    20: "cache markers on calls, results and tools are dropped",
    21: "a cache marker's lifetime reaches a wire that refuses it",
    22: "breakpoints exceed the four that are allowed",
    23: "clients of other wires get no breakpoints",
    24: "JSON is written anew in other characters",
    25: "a signature of reasoning is lost on its way",
    26: "a signature is made up or overwritten",
    27: "reasoning signed by one model is sent to another",
    28: "a Gemini thought signature does not come back, or comes to another model",
    29: "reasoning content does not come back on tool turns",
    30: "an encrypted reasoning item goes where it cannot be read, or keeps an id nobody stored",
    31: "tool results without a call, calls without a result, results out of order, ids missing",
    32: "images and documents inside tool results are dropped",
    33: "schema keywords that a wire refuses reach it",
    34: "the output limit has the other name, or a thinking model is sent a temperature",
    35: "unknown fields and betas are dropped for the native provider, or reach one that refuses them",
    36: "tools that a provider runs itself come back empty or crash",
    37: "freeform tools such as apply_patch are lost",
    38: "an endpoint is called that the target does not have",
    39: "a client that has gone is still paid for",
    40: "overload, rate limit and the time to come back are flattened into one error",
    41: "the answer names another model than the client asked for",
    42: "a failure after the status line has gone out is no error any more",
}

NAMED = re.compile(r"test_bug((?:_\d\d)+)_[a-z]")


def held_in(source: str) -> Iterator[int]:
    """The classes that the tests of a module are named after."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = NAMED.match(node.name)
            if found is not None:
                yield from map(int, found[1].strip("_").split("_"))


def test_every_class_has_a_test_of_its_name() -> None:
    held = {
        number
        for path in TESTS.rglob("test_*.py")
        for number in held_in(path.read_text(encoding="utf-8"))
    }
    missing = {number: title for number, title in CLASSES.items() if number not in held}
    assert not missing
    assert held <= CLASSES.keys(), "a test is named after a class that this table does not have"


def test_the_classes_are_numbered_without_a_gap() -> None:
    assert list(CLASSES) == list(range(1, len(CLASSES) + 1))
