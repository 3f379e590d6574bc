"""What must be in ClickHouse after a fault."""

from tests.faults.clients import Seen
from tests.faults.product import Product, Rows


async def each_once(product: Product, seen: list[Seen]) -> None:
    """Every whole answer has one row of each kind, and no row is there twice."""
    wanted = len({one.request_id for one in seen})
    ids = ", ".join(f"'{one.request_id}'" for one in seen)
    for view in ("requests", "attempts", "decisions"):

        def is_there(rows: Rows) -> bool:
            return rows == [[wanted]]

        await product.until_rows(
            f"SELECT uniqExact(request_id) FROM {view} WHERE request_id IN ({ids})", is_there
        )
    await product.until_consumed()
    assert await product.rows(
        f"SELECT count(), sum(output), sum(input_total) FROM requests WHERE request_id IN ({ids})"
    ) == [[wanted, sum(one.output for one in seen), sum(one.input_total for one in seen)]]
    for view in ("requests", "attempts", "decisions"):
        assert (
            await product.rows(
                f"SELECT event_id, count() FROM {view} GROUP BY event_id HAVING count() > 1"
            )
            == []
        )
