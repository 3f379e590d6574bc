"""ClickHouse in a process of its own: the chDB library behind ClickHouse's HTTP interface."""
