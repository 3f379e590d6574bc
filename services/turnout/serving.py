"""The three ways to run: one process, five processes, one service.

Start order: settings are checked whole and the port is taken first, then engines start, then the
parts. Stop order is the reverse: the port closes, streams finish within their grace, facts are
published, engines stop last.
"""

import logging
import sys

from turnout import __version__, http_server, parts
from turnout.catalog.catalog import Catalog
from turnout.engines.failure import EngineFailed
from turnout.engines.handover import NOBODY, open_handover
from turnout.engines.supervisor import supervising
from turnout.holding import holding
from turnout.outside import outside_servers, shown, telling_unreachable
from turnout.processes import Plan, plan
from turnout.scorer.embedder_files import load_embedder_files
from turnout.settings import BadSetting, Settings

_LOG = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """One process; engines, simulated provider and telemetry are its children."""
    from turnout import running

    catalog = _checked(settings)
    # Here the ingress is on this machine; `turnout run` does not know where it is.
    parts.check_upstreams(settings, catalog)
    _check_embedder(settings)
    listener = http_server.listen(settings)
    with listener:
        planned = plan(settings, catalog, held=None)
        stop = http_server.stop_on_signals()
        async with (
            telling_unreachable(outside_servers(settings)),
            supervising(planned.children, data_dir=settings.data_dir, on_failed=_say_failed),
        ):
            await running.run_ingress(
                planned.settings,
                listener,
                stop,
                handover=NOBODY,
                on_serving=lambda: _banner(
                    planned, catalog, "one process", port=listener.getsockname()[1]
                ),
            )


async def serve_split(settings: Settings) -> None:
    """Every service a process, over gRPC and NATS on loopback; this one only keeps them up, and
    holds their ports while they come and go.
    """
    catalog = _checked(settings)
    parts.check_upstreams(settings, catalog)
    _check_embedder(settings)
    async with holding(settings) as held:
        planned = plan(settings, catalog, held=held)
        stop = http_server.stop_on_signals()
        async with (
            telling_unreachable(outside_servers(settings)),
            supervising(planned.children, data_dir=settings.data_dir, on_failed=_say_failed),
        ):
            count = settings.scorer.replicas
            shape = f"{4 + count} processes" + (f", {count} of them scorers" if count > 1 else "")
            _banner(planned, catalog, shape, port=held.listener.getsockname()[1])
            await stop.wait()


async def run_service(service: str, settings: Settings) -> None:
    """One service; engines and other services are found by their addresses."""
    from turnout import running

    _checked(settings)
    for section, url in (("NATS", settings.nats.url), ("REDIS", settings.redis.url)):
        if not url and (section == "NATS" or service == "session-cache-tracker"):
            raise BadSetting(f"TURNOUT_{section}__URL: `turnout run` needs the server's address.")
    stop = http_server.stop_on_signals()
    async with open_handover() as handover:
        match service:
            case "ingress":
                with http_server.listen(settings) as listener:
                    await running.run_ingress(settings, listener, stop, handover=handover)
            case "telemetry":
                await running.run_telemetry(settings, stop, handover=handover)
            case "scorer" | "session-cache-tracker" | "upstream-dispatcher":
                await running.run_rpc(service, settings, stop, handover=handover)
            case _:
                raise BadSetting(f"There is no service named {service}.")


def _say_failed(failure: EngineFailed) -> None:
    """A child that keeps dying is said and tried again every minute; requests are still served."""
    _LOG.error("a part keeps failing", extra={"error": failure.message})


def _checked(settings: Settings) -> Catalog:
    """Everything that can be wrong with the settings, found before anything starts."""
    catalog = parts.catalog_of(settings)
    parts.routing_of(settings, catalog)
    parts.endpoints_of(settings, catalog)
    parts.check_addresses(settings)
    parts.make_data_dir(settings)
    parts.tls_of(settings)
    parts.exporting_of(settings)
    return catalog


def _check_embedder(settings: Settings) -> None:
    """Raises `Unavailable` naming the build command, before any engine is started."""
    if not settings.scorer.address:
        load_embedder_files(parts.embedder_root(settings))


def _banner(planned: Plan, catalog: Catalog, shape: str, *, port: int) -> None:
    settings = planned.settings
    host = settings.ingress.host
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    simulated = parts.is_simulated(settings, catalog)
    keys = ", ".join(sorted(parts.provider_keys(catalog))) or "none"
    lines = [
        f"Turnout {__version__} serves at http://{host}:{port} ({shape}).",
        f"  mode        {parts.default_mode(settings, catalog)}"
        " (one that was set with `turnout mode` is kept and wins)",
        f"  provider    {'SIMULATED: no key is configured, answers are made up' if simulated else keys}",
        f"  analytics   {_clickhouse(settings)}",
        f"  data        {settings.data_dir.resolve()}",
        f"  try         {_first_curl(host, port)}",
    ]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _first_curl(host: str, port: int) -> str:
    return (
        f"curl -s http://{host}:{port}/v1/messages -H 'content-type: application/json' -d '"
        '{"model": "turnout/auto", "max_tokens": 200, "stream": true,'
        ' "messages": [{"role": "user", "content": "Why is the sky blue?"}]}\''
    )


def _clickhouse(settings: Settings) -> str:
    if settings.clickhouse.url:
        return shown(settings.clickhouse.url)
    return f"http://127.0.0.1:{settings.clickhouse.port} (ClickHouse over HTTP, read-only)"
