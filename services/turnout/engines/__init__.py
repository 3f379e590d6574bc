"""The embedded engines: NATS, Valkey and ClickHouse as children of one process."""
