"""One target under atheris, guided by the coverage of `turnout`: `python -m tests.fuzz.guided NAME ...`.

What follows the name is libFuzzer's: folders of inputs and options. Runs in `.venv-fuzz`; started by
`campaign.py`.
"""

import sys

import atheris

with atheris.instrument_imports(include=["turnout"]):
    from tests.fuzz.harness import TARGETS


def main() -> None:
    name, *rest = sys.argv[1:]
    target = TARGETS[name]
    atheris.Setup([sys.argv[0], *rest], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
