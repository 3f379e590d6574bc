"""`python -m turnout.simulator`: the simulated provider as its own process."""

import argparse
import os

from turnout.errors import InvalidRequest
from turnout.simulator.directives import parse_directives
from turnout.simulator.process import run

DEFAULT_PORT = 9_090
DIRECTIVES_VARIABLE = "TURNOUT_SIMULATOR__DIRECTIVES"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m turnout.simulator",
        description="A provider without keys or money: Anthropic Messages, OpenAI Chat, OpenAI"
        " Responses and Gemini.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port")
    parser.add_argument(
        "--simulate",
        default=os.environ.get(DIRECTIVES_VARIABLE, ""),
        metavar="DIRECTIVES",
        help=f"directives for every answer, such as ttft=0.3,gap=0.01 (or {DIRECTIVES_VARIABLE})",
    )
    parser.add_argument(
        "--keep-bodies",
        action="store_true",
        help="show request bodies in /simulate/log; for tests only",
    )
    options = parser.parse_args()
    try:
        default = parse_directives(options.simulate)
    except InvalidRequest as error:
        parser.error(error.message)
    run(
        host=options.host,
        port=options.port,
        default=default,
        keep_bodies=options.keep_bodies,
    )


if __name__ == "__main__":
    main()
