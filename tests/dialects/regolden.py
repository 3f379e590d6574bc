"""Write the expectations of a dialect anew from what its decoder does now:
`python -m tests.dialects.regolden DIALECT`.
"""

import sys

import msgspec

from tests.dialects.golden import Golden, shown
from turnout.dialects.registry import DIALECTS


def main(dialect: str) -> None:
    for name in DIALECTS:
        if name == dialect:
            golden = Golden(name)
            for case in golden.cases:
                events = shown(golden.decode([golden.stream_of(case)]))
                lines = [msgspec.json.encode(event) for event in events]
                (golden.folder / f"{case}.json").write_bytes(b"[\n" + b",\n".join(lines) + b"\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
