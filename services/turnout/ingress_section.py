"""The settings of the HTTP edge: `TURNOUT_INGRESS__<FIELD>`."""

from typing import Final

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from turnout.router_key import RouterKey
from turnout.variable import Section

MEGABYTE: Final = 1024 * 1024

LEAST_HEADER_BYTES: Final = 1024
"""OpenAI's SDK for Python sends 670 with a key, and agents send more."""


class Ingress(Section):
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; another than loopback needs a router key.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on.")
    keys: tuple[RouterKey, ...] = Field(
        default=(), description="Router keys as JSON, as `turnout keys new` prints them."
    )
    admin_keys: tuple[str, ...] = Field(
        default=(),
        description="Names of the router keys that may change modes, settings and artifacts; with no keys at"
        " all, anyone on loopback may.",
    )
    max_body_bytes: int = Field(
        default=32 * MEGABYTE, gt=0, description="Longest accepted body in bytes."
    )
    max_requests: int = Field(
        default=2_048,
        gt=0,
        description="Requests that are served at once; others are told to come again.",
    )
    max_bodies_bytes: int = Field(
        default=512 * MEGABYTE,
        gt=0,
        validate_default=True,
        description="Bytes of the bodies of all requests that are served at once; at least as many as of the"
        " longest accepted one (`MAX_BODY_BYTES`).",
    )
    body_seconds: float = Field(
        default=60.0, gt=0, description="Longest time in seconds that a body may take to arrive."
    )
    max_header_bytes: int = Field(
        default=64 * 1024,
        ge=LEAST_HEADER_BYTES,
        description="Longest accepted request line and headers in bytes, 1024 at least.",
    )
    header_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Longest time in seconds from the first byte of a request line and headers to their last; a new"
        " connection on which nothing has come for as long is closed, and who opens some ahead opens another.",
    )
    max_connections: int = Field(
        default=8192, gt=0, description="Clients' connections that may be open at once."
    )
    write_seconds: float = Field(
        default=300.0,
        gt=0,
        description="How long a client may take nothing of its answer before it is hung up on.",
    )
    keep_alive_seconds: int = Field(
        default=75,
        gt=0,
        description="How long in seconds a connection that has served a request is kept without another one.",
    )
    max_sockets: int = Field(default=512, ge=0, description="WebSockets that may be open at once.")
    max_sockets_per_key: int = Field(
        default=64, ge=0, description="WebSockets that one key may have open at once."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names accepted beside loopback, as a JSON list."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Origins of web pages that may call, as a JSON list."
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="How long streams may finish after SIGTERM."
    )

    @field_validator("max_bodies_bytes")
    @classmethod
    def _holds_the_longest_body(cls, value: int, info: ValidationInfo) -> int:
        longest: object = info.data.get("max_body_bytes")
        if isinstance(longest, int) and value < longest:
            raise PydanticCustomError(
                "no_room",
                "Input should be at least TURNOUT_INGRESS__MAX_BODY_BYTES, which is {longest}",
                {"longest": longest},
            )
        return value
