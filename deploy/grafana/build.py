"""Writes the dashboards: `python -m deploy.grafana.build`. A test holds that the files are these."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.grafana.cost import COST
from deploy.grafana.latency import LATENCY
from deploy.grafana.layout import Dashboard
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.services import SERVICES

DIRECTORY: Final = Path(__file__).parent / "dashboards"

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "overview.json": OVERVIEW,
    "cost_and_cache.json": COST,
    "latency_and_decisions.json": LATENCY,
    "services_and_bus.json": SERVICES,
}


def main() -> None:
    for name, dashboard in DASHBOARDS.items():
        (DIRECTORY / name).write_text(dashboard.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
