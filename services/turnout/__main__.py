"""The command line: `turnout serve`, `turnout run SERVICE`, and the small commands beside them.

What goes wrong at start is one line on standard error and exit status 1: a setting, a port, an
engine. A service whose database is not its own to use ends with 78 (EX_CONFIG), so that whoever
keeps it up can tell that starting it again does not help.
"""

import argparse
import asyncio
import importlib
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import uvloop

from turnout import __version__, parts, settings
from turnout.bus.control_keys import ArtifactRole
from turnout.engines.failure import UNFIT_STATUS
from turnout.errors import InvalidRequest, TurnoutError
from turnout.observe import logs
from turnout.policy.modes import MODES
from turnout.telemetry.schema import SchemaMismatch


def main(argv: Sequence[str] | None = None) -> int:
    try:
        try:
            return _done(argv)
        finally:
            sys.stdout.flush()
    except (BrokenPipeError, ExceptionGroup):
        if not _is_unread():
            raise
        # Python writes what is left of its output at its end, and would say that it could not.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _is_unread() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    return any(told & (select.POLLERR | select.POLLHUP) for _descriptor, told in output.poll(0))


def _done(argv: Sequence[str] | None) -> int:
    parser = _parser()
    # What a command with a parser of its own is told is left over here; argparse.REMAINDER would
    # refuse an option in the first place.
    options, rest = parser.parse_known_args(argv)
    command: str = options.command
    if rest and command not in _PARSE_THEMSELVES:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        match command:
            case "serve":
                return _serve(split=bool(options.split), scorers=options.scorers)
            case "run":
                return _run(str(options.service))
            case "keys":
                return _keys(options)
            case "mode":
                return _mode(options)
            case "settings":
                return _settings(options)
            case "artifact":
                return _artifact(options)
            case "catalog":
                return _catalog(options)
            case "explain":
                return _explain(str(options.request_id))
            case "sql":
                return _sql(options)
            case "outcomes":
                return _outcomes(rest)
            case "schema" | "facts":
                from turnout import warehousing

                return warehousing.main(command, rest)
            case _:
                return _alone(command, rest)
    except (settings.BadSetting, TurnoutError) as reason:
        print(f"turnout: {reason}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="turnout", description="A cache-aware model router for coding agents."
    )
    parser.add_argument("--version", action="version", version=f"turnout {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve on embedded engines")
    serve.add_argument(
        "--split", action="store_true", help="five processes over gRPC and NATS on loopback"
    )
    serve.add_argument(
        "--scorers",
        metavar="N",
        help="with --split: how many scorers, 1 to 64 (TURNOUT_SCORER__REPLICAS)",
    )
    run = commands.add_parser("run", help="run one service, as in Kubernetes")
    run.add_argument("service", choices=("ingress", "telemetry", *_RPC))
    keys = commands.add_parser("keys", help="router keys")
    new = keys.add_subparsers(dest="action", required=True).add_parser("new", help="make a key")
    new.add_argument("name", help="who uses it")
    new.add_argument("--tenant", default="default")
    for tag in ("team", "repository", "branch", "ticket"):
        new.add_argument(f"--{tag}", default="", help=f"fixed {tag} tag")
    mode = commands.add_parser("mode", help="show or change the mode of a running Turnout")
    mode.add_argument("mode", nargs="?", choices=MODES)
    mode.add_argument("--tenant", default="default")
    _add_where(mode)
    own = commands.add_parser("settings", help="show or change routing settings of tenants")
    ways = own.add_subparsers(dest="action", required=True)
    shown = ways.add_parser("show", help="those of the process, and what tenants have otherwise")
    shown.add_argument("--tenant", help="what holds for this one")
    given = ways.add_parser("set", help="give a tenant a setting of its own, without a restart")
    taken = ways.add_parser("unset", help="give it the process's own again")
    for changing in (given, taken):
        changing.add_argument("name", help="as `turnout settings show` names it")
        changing.add_argument("--tenant", default="default")
    given.add_argument("value", help="as JSON; a word needs no quotes")
    for way in (shown, given, taken):
        _add_where(way)
    artifact = commands.add_parser("artifact", help="show or change the artifacts that decide")
    actions = artifact.add_subparsers(dest="action", required=True)
    show = actions.add_parser("show", help="which are active and in shadow")
    push = actions.add_parser("push", help="decide with another one, without a restart")
    push.add_argument("file", help="as `turnout train` wrote it")
    drop = actions.add_parser("drop", help="go back to the one of the settings")
    for changing, does in ((push, "run it in shadow"), (drop, "end the shadow")):
        changing.add_argument("--shadow", action="store_true", help=f"{does} instead")
    for one in (show, push, drop):
        _add_where(one)
    catalog = commands.add_parser("catalog", help="prices and models")
    doing = catalog.add_subparsers(dest="action", required=True)
    listed = doing.add_parser("show", help="what models cost and how their prompts are cached")
    listed.add_argument("model", nargs="?", default="", help="all if left out")
    refresh = doing.add_parser(
        "refresh", help="make a snapshot from a copy of LiteLLM's public price map"
    )
    refresh.add_argument("file")
    refresh.add_argument("--out", required=True, help="where the snapshot goes")
    sql = commands.add_parser("sql", help="run a named analytics query, or list them")
    sql.add_argument("name", nargs="?", default="")
    sql.add_argument("values", nargs="*", metavar="NAME=VALUE", help="values of its parameters")
    sql.add_argument("--print", action="store_true", help="print its text for another client")
    explain = commands.add_parser("explain", help="say why a request was served as it was")
    explain.add_argument("request_id", help="as the header turnout-request-id told it")
    commands.add_parser("schema", help="print the statements or the document", add_help=False)
    commands.add_parser("facts", help="make synthetic facts, time queries", add_help=False)
    for name, (_, does) in _ALONE.items():
        commands.add_parser(name, help=does, add_help=False)
    commands.add_parser(
        "outcomes", help="report what git and CI say of the agents' work", add_help=False
    )
    return parser


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Options of a command that asks a running Turnout."""
    parser.add_argument("--url", default="", help="where it runs; from the settings if left out")
    parser.add_argument("--key", default=os.environ.get("TURNOUT_KEY", ""), help="a router key")


_ALONE: Mapping[str, tuple[str, str]] = {
    "demo": ("turnout.demo.command", "play made-up agent sessions and show what they cost"),
    "audit": (
        "turnout.learn.audit.command",
        "what the agents on this disk have cost, and would have",
    ),
    "replay": (
        "turnout.learn.replay.command",
        "what recorded sessions would have cost under other policies",
    ),
    "eval": (
        "turnout.learn.evaluation.command",
        "score benchmark tasks by routers that did not see them",
    ),
    "mix": ("turnout.mixing", "who would serve new threads over the dial of cost and quality"),
    "kinds": ("turnout.learn.kinds", "how well the artifact tells task kinds"),
    "calibration": (
        "turnout.learn.calibration",
        "expected cache hits against those of held-out threads",
    ),
    "escalation": (
        "turnout.learn.escalation.command",
        "which signs of trouble mean something, and what escalating would pay",
    ),
    "export": ("turnout.exporting", "own requests and outcomes as tables to train and replay on"),
    "train": ("turnout.learn.train", "train the artifact"),
}
"""Commands that need nothing of this module: where their `main(argv)` is, and what they do."""

_PARSE_THEMSELVES = frozenset({*_ALONE, "facts", "outcomes", "schema"})

_RPC = ("scorer", "session-cache-tracker", "upstream-dispatcher")


def _hush_grpc() -> None:
    """The C core of gRPC writes lines of its own to standard error (every connection that goes away);
    what matters of it comes back as errors. It reads this once, before it is first used.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


class _Main(Protocol):
    def __call__(self, argv: Sequence[str], /) -> int: ...


def _alone(command: str, rest: Sequence[str]) -> int:
    main_of: _Main = importlib.import_module(_ALONE[command][0]).main
    return main_of(rest)


def _serve(*, split: bool, scorers: str | None) -> int:
    _hush_grpc()
    if scorers is not None:
        if not split:
            raise settings.BadSetting("--scorers needs --split: one process has one scorer.")
        # Said once, where every setting is checked.
        os.environ["TURNOUT_SCORER__REPLICAS"] = scorers
    told = settings.load()
    logs.configure(service="turnout", level=told.log_level)
    from turnout import serving

    uvloop.run(serving.serve_split(told) if split else serving.serve(told))
    return 0


def _run(service: str) -> int:
    _hush_grpc()
    told = settings.load()
    logs.configure(service=service, level=told.log_level)
    from turnout import serving

    try:
        uvloop.run(serving.run_service(service, told))
    except SchemaMismatch as reason:
        print(f"turnout: {reason}", file=sys.stderr)
        return UNFIT_STATUS
    return 0


def _keys(options: argparse.Namespace) -> int:
    from turnout.keys import new_key

    made = new_key(
        str(options.name),
        tenant=str(options.tenant),
        tags={
            tag: str(getattr(options, tag)) for tag in ("team", "repository", "branch", "ticket")
        },
    )
    print(made.key)
    print(
        "The key is shown once. Its entry for the list in TURNOUT_INGRESS__KEYS:", file=sys.stderr
    )
    print(made.entry, file=sys.stderr)
    return 0


def _mode(options: argparse.Namespace) -> int:
    from turnout import remote

    asyncio.run(
        remote.show_or_change_mode(
            _url(options), key=str(options.key), tenant=str(options.tenant), mode=options.mode
        )
    )
    return 0


def _settings(options: argparse.Namespace) -> int:
    from turnout import remote

    url, key = _url(options), str(options.key)
    match options.action:
        case "show":
            asyncio.run(remote.show_settings(url, key=key, tenant=options.tenant))
        case "set":
            asyncio.run(
                remote.set_setting(
                    url,
                    key=key,
                    tenant=str(options.tenant),
                    name=str(options.name),
                    value=str(options.value),
                )
            )
        case _:
            asyncio.run(
                remote.unset_setting(
                    url, key=key, tenant=str(options.tenant), name=str(options.name)
                )
            )
    return 0


def _artifact(options: argparse.Namespace) -> int:
    from turnout import remote

    url, key = _url(options), str(options.key)
    if options.action == "show":
        asyncio.run(remote.show_artifacts(url, key=key))
        return 0
    role: ArtifactRole = "shadow" if options.shadow else "active"
    if options.action == "drop":
        asyncio.run(remote.drop_artifact(url, key=key, role=role))
        return 0
    try:
        data = Path(options.file).read_bytes()
    except OSError as reason:
        raise InvalidRequest(f"{options.file} cannot be read: {reason.strerror}.") from None
    asyncio.run(remote.push_artifact(url, key=key, role=role, data=data))
    return 0


def _url(options: argparse.Namespace) -> str:
    return str(options.url) or f"http://127.0.0.1:{settings.load().ingress.port}"


def _catalog(options: argparse.Namespace) -> int:
    catalog = parts.catalog_of(settings.load())
    if options.action == "show":
        from turnout.catalog_listing import listing

        for line in listing(catalog, str(options.model)):
            print(line)
        return 0
    from turnout.catalog.price_map import from_price_map

    out = Path(options.out)
    out.write_bytes(from_price_map(Path(options.file).read_bytes()))
    print(f"{out} written; the shipped catalog has {len(catalog.models)} models", file=sys.stderr)
    return 0


def _outcomes(rest: Sequence[str]) -> int:
    from turnout.outcomes import commands

    told = settings.load()
    url = f"http://127.0.0.1:{told.ingress.port}"
    return commands.main(rest, url=url, database=told.clickhouse.database)


def _explain(request_id: str) -> int:
    from turnout import explaining

    for line in asyncio.run(explaining.explanation(settings.load(), request_id)):
        print(line)
    return 0


def _sql(options: argparse.Namespace) -> int:
    from turnout import warehousing

    told = settings.load()
    name, values = str(options.name), warehousing.values_of(options.values)
    if options.print and name:
        warehousing.print_query(name, values)
    else:
        asyncio.run(warehousing.run_query(told, name, values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
