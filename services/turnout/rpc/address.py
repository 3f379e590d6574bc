"""Where a server listens and how it proves who it is. Light to import: no gRPC."""

import re
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


_PORT = r":\d{1,5}"
_NAME = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])" + _PORT
_V4 = r"\d{1,3}(?:\.\d{1,3}){3}" + _PORT
_V6 = r"\[[0-9A-Fa-f:.]+\]" + _PORT
_ADDRESS = re.compile(f"(?:dns:///)?{_NAME}|ipv4:{_V4}(?:,{_V4})*|ipv6:{_V6}(?:,{_V6})*")

ADDRESS_FORMS = "host:port, dns:///name:port or ipv4:host:port,host:port"


def is_address(address: str) -> bool:
    """Whether a channel can be opened to it: one server, a name of several, or a fixed list."""
    return _ADDRESS.fullmatch(address) is not None


def listed(ports: tuple[int, ...]) -> str:
    """The address of servers at these ports of 127.0.0.1."""
    one_each = [f"127.0.0.1:{port}" for port in ports]
    return one_each[0] if len(one_each) == 1 else "ipv4:" + ",".join(one_each)
