"""Where a server listens and how it proves who it is. Light to import: no gRPC."""

from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for mutual TLS; both sides show a certificate of the same authority."""

    certificate_file: Path
    key_file: Path
    authority_file: Path


def is_loopback(host: str) -> bool:
    return host in LOOPBACK
