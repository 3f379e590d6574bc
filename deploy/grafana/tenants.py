"""The choice of tenants and of a time, as every query of ClickHouse makes it."""

from deploy.grafana.layout import Sql, Variable

TENANT = Variable(
    "tenant",
    "Tenant",
    Sql("SELECT DISTINCT toString(tenant) AS tenant FROM requests ORDER BY tenant"),
)


def during(column: str) -> str:
    """Rows of the chosen time and tenants; the day lets ClickHouse skip the others' parts."""
    return (
        f"$__dateTimeFilter(day, {column})\n"
        "    AND $__conditionalAll(tenant IN (${tenant:singlequote}), $tenant)"
    )
