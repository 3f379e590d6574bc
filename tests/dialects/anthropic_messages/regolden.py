"""Write the expectations anew from what the decoder does now: `python -m ...regolden`."""

import msgspec

from tests.dialects.anthropic_messages.golden import CASES, FOLDER, decode, shown, stream_of


def main() -> None:
    for case in CASES:
        lines = [msgspec.json.encode(event) for event in _listed(shown(decode([stream_of(case)])))]
        (FOLDER / f"{case}.json").write_bytes(b"[\n" + b",\n".join(lines) + b"\n]\n")


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


if __name__ == "__main__":
    main()
