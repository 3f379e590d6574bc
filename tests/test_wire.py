"""Messages stay compatible: fields are added, never renumbered, renamed, retyped or removed.

`tests/golden/wire_fields.txt` lists every field that was ever released. A new field is added there
with `python tests/test_wire.py --write`; the test fails while a line of the file is not true.
"""

import sys
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

from turnout.events.v1 import facts_pb2
from turnout.rpc.v1 import (
    routing_pb2,
    scorer_pb2,
    session_cache_tracker_pb2,
    upstream_dispatcher_pb2,
)

LIST = Path(__file__).parent / "golden" / "wire_fields.txt"

FILES: tuple[FileDescriptor, ...] = (
    routing_pb2.DESCRIPTOR,
    scorer_pb2.DESCRIPTOR,
    session_cache_tracker_pb2.DESCRIPTOR,
    upstream_dispatcher_pb2.DESCRIPTOR,
    facts_pb2.DESCRIPTOR,
)

_TYPES = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def lines() -> list[str]:
    found: list[str] = []
    for file in FILES:
        for message in file.message_types_by_name.values():
            found.extend(_fields(message))
        for service in file.services_by_name.values():
            for method in service.methods_by_name.values():
                found.append(
                    f"{service.full_name}.{method.name}"
                    f" {method.input_type.full_name} -> {method.output_type.full_name}"
                )
    return sorted(found)


def _fields(message: Descriptor) -> list[str]:
    return [
        f"{message.full_name} {field.number} {field.name} {_type(field)}"
        for field in message.fields
    ]


def _type(field: FieldDescriptor) -> str:
    repeated = "repeated " if field.is_repeated else ""
    if field.message_type is not None:
        return f"{repeated}{field.message_type.full_name}"
    return f"{repeated}{_TYPES[field.type]}"


def test_every_released_field_is_as_it_was() -> None:
    released = LIST.read_text(encoding="utf-8").splitlines()
    missing = sorted(set(released) - set(lines()))
    assert not missing, "changed or removed; old readers and writers would misunderstand"


def test_every_field_is_listed() -> None:
    released = set(LIST.read_text(encoding="utf-8").splitlines())
    added = sorted(set(lines()) - released)
    assert not added, f"new: add with python {Path(__file__).name} --write"


if __name__ == "__main__" and "--write" in sys.argv:
    LIST.write_text("\n".join(lines()) + "\n", encoding="utf-8")
