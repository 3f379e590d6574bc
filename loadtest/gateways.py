"""How each gateway of the comparison is started in front of the scripted upstream.

All serve the same two paths, so the load differs in nothing but the port.
"""

import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from loadtest import machine
from loadtest.answers import MODELS, LoadDialect
from loadtest.machine import Cpus, Started

Name: TypeAlias = Literal["direct", "relay", "chain", "turnout", "split", "litellm", "portkey"]
"""`turnout` is one process, `split` five."""

Engines: TypeAlias = Literal["beside", "with"]
"""Where turnout's engines and telemetry run: on the load's CPU, or on the gateway's."""

BESIDE_TURNOUT = 20
"""The ports of split mode in a bench that has the embedded one running too."""

KEY = "sk-bench"

NO_ENV: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """What every gateway is told.

    Attributes:
        port: the first of a range of 30 that the bench uses.
        directory: for logs and data; removed afterwards.
        peers: the environment that LiteLLM is installed in.

    """

    cpus: Cpus
    port: int
    directory: Path
    engines: Engines
    peers: Path

    @property
    def upstream_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def upstream(place: Place, pace: tuple[str, ...] = ()) -> Generator[Started]:
    """`pace` are further options of the scripted upstream."""
    argv = (sys.executable, "-m", "loadtest.upstream", "--port", str(place.port), *pace)
    with machine.running(
        argv,
        url=place.upstream_url,
        ready_path="/stats",
        log=place.directory / "upstream.log",
        cpu=place.cpus.load,
    ) as started:
        yield started


@contextmanager
def relay(place: Place) -> Generator[Started]:
    port = place.port + 1
    argv = (
        *(sys.executable, "-m", "loadtest.relay", "--port", str(port)),
        *("--upstream", place.upstream_url),
    )
    with machine.running(
        argv,
        url=f"http://127.0.0.1:{port}",
        ready_path="/",
        log=place.directory / "relay.log",
        cpu=place.cpus.gateway,
    ) as started:
        yield started


@contextmanager
def chain(place: Place) -> Generator[Started]:
    """The baseline of split mode: four processes, wherever the kernel runs them."""
    port = place.port + 14
    with machine.running(
        (
            *(sys.executable, "-m", "loadtest.chain", "--port", str(port)),
            *("--upstream", place.upstream_url),
        ),
        url=f"http://127.0.0.1:{port}",
        ready_path="/ready",
        log=place.directory / "chain.log",
        cpu=None,
    ) as started:
        yield started


def turnout_env(place: Place, *, directory: str, at: int) -> dict[str, str]:
    """Settings of a turnout in front of the scripted upstream, on ports from `at` on."""
    return {
        "TURNOUT_DATA_DIR": str(place.directory / directory),
        "TURNOUT_INGRESS__PORT": str(at),
        "TURNOUT_NATS__PORT": str(at + 1),
        "TURNOUT_REDIS__PORT": str(at + 2),
        "TURNOUT_CLICKHOUSE__PORT": str(at + 3),
        "TURNOUT_SCORER__PORT": str(at + 4),
        "TURNOUT_SESSION_CACHE_TRACKER__PORT": str(at + 5),
        "TURNOUT_UPSTREAM_DISPATCHER__PORT": str(at + 6),
        "TURNOUT_SIMULATOR__ENABLED": "never",
        "TURNOUT_ROUTING__MODE": "observe",
        "TURNOUT_PROVIDERS__OPENAI__BASE_URL": f"{place.upstream_url}/v1",
        "TURNOUT_PROVIDERS__ANTHROPIC__BASE_URL": place.upstream_url,
        "TURNOUT_PROVIDERS__GCP_GEMINI__BASE_URL": place.upstream_url,
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_API_KEY": KEY,
        "GEMINI_API_KEY": KEY,
    }


@contextmanager
def turnout(place: Place, env: Mapping[str, str] = NO_ENV) -> Generator[Started]:
    """One process with its engines and telemetry as children; `env` is added."""
    port = place.port + 2
    with machine.running(
        (sys.executable, "-m", "turnout", "serve"),
        url=f"http://127.0.0.1:{port}",
        ready_path="/ready",
        log=place.directory / "turnout.log",
        cpu=place.cpus.gateway,
        env={**turnout_env(place, directory="turnout", at=port), **env},
    ) as started:
        if place.engines == "beside":
            machine.move(machine.children(started.pid), place.cpus.load)
        yield started


@contextmanager
def split(place: Place, env: Mapping[str, str] = NO_ENV, *, at: int = 2) -> Generator[Started]:
    """Five processes and their engines, wherever the kernel runs them; `env` is added, `at` is the first port's
    place in the range.
    """
    port = place.port + at
    with machine.running(
        (sys.executable, "-m", "turnout", "serve", "--split"),
        url=f"http://127.0.0.1:{port}",
        ready_path="/ready",
        log=place.directory / "split.log",
        cpu=None,
        env={**turnout_env(place, directory="split", at=port), **env},
    ) as started:
        yield started


LITELLM_CONFIG = """\
model_list:
  - model_name: {openai}
    litellm_params: {{model: "openai/{openai}", api_base: "{url}/v1", api_key: {key}}}
  - model_name: {anthropic}
    litellm_params: {{model: "anthropic/{anthropic}", api_base: "{url}", api_key: {key}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""


@contextmanager
def litellm(place: Place, *, is_pinned: bool = True) -> Generator[Started]:
    """LiteLLM's proxy with one worker, without a database, logging errors only."""
    port = place.port + 12
    config = place.directory / "litellm.yaml"
    config.write_text(
        LITELLM_CONFIG.format(
            openai=MODELS["openai_chat"],
            anthropic=MODELS["anthropic_messages"],
            url=place.upstream_url,
            key=KEY,
        )
    )
    argv = (
        *(str(place.peers / "bin" / "litellm"), "--config", str(config)),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
    )
    with machine.running(
        argv,
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/liveliness",
        log=place.directory / "litellm.log",
        cpu=place.cpus.gateway if is_pinned else None,
        env={
            "LITELLM_LOG": "ERROR",
            "LITELLM_TELEMETRY": "False",
            # It refuses to start without a key; checking one would cost it time that is no relaying.
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
    ) as started:
        yield started


PORTKEY = Path("node_modules/@portkey-ai/gateway/build/start-server.js")


@contextmanager
def portkey(place: Place, *, is_pinned: bool = True) -> Generator[Started]:
    """Portkey's gateway without its console; the upstream is named in headers of each request."""
    port = place.port + 13
    with machine.running(
        ("node", str(place.peers / PORTKEY), f"--port={port}", "--headless"),
        url=f"http://127.0.0.1:{port}",
        ready_path="/",
        log=place.directory / "portkey.log",
        cpu=place.cpus.gateway if is_pinned else None,
        env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1", "NODE_ENV": "production"},
    ) as started:
        yield started


def extra_headers(name: Name, dialect: LoadDialect, *, upstream_url: str) -> tuple[str, ...]:
    """What a gateway must be told with each request."""
    if name != "portkey":
        return ()
    provider = "anthropic" if dialect == "anthropic_messages" else "openai"
    return (f"x-portkey-provider: {provider}", f"x-portkey-custom-host: {upstream_url}/v1")


def installed_peers(peers: Path) -> tuple[Name, ...]:
    """Other gateways that are there to be compared with."""
    found: tuple[tuple[Name, Path], ...] = (
        ("litellm", peers / "bin" / "litellm"),
        ("portkey", peers / PORTKEY),
    )
    return tuple(name for name, path in found if path.exists())


@contextmanager
def all_running(
    place: Place, names: tuple[Name, ...], *, pace: tuple[str, ...] = ()
) -> Generator[dict[Name, Started]]:
    """The upstream and the named gateways, all at once; `direct` is the upstream itself."""
    with ExitStack() as stack:
        found: dict[Name, Started] = {}
        source = stack.enter_context(upstream(place, pace))
        for name in names:
            match name:
                case "direct":
                    found[name] = source
                case "relay":
                    found[name] = stack.enter_context(relay(place))
                case "chain":
                    found[name] = stack.enter_context(chain(place))
                case "turnout":
                    found[name] = stack.enter_context(turnout(place))
                case "split":
                    found[name] = stack.enter_context(split(place, at=BESIDE_TURNOUT))
                case "litellm":
                    found[name] = stack.enter_context(litellm(place))
                case "portkey":
                    found[name] = stack.enter_context(portkey(place))
        yield found
