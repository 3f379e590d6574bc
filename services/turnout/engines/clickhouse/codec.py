"""Content encodings of request bodies and answers: gzip, deflate, zstd, lz4 (frames).

Rules: decoding is bounded, so that a small body cannot become a large one; encoding is incremental,
so that a streamed answer is compressed part by part.
"""

import importlib
import sys
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from turnout.engines.clickhouse.outcome import (
    BAD_ARGUMENTS,
    QUERY_IS_TOO_LARGE,
    refused,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# zlib's wbits that say which frame stands around the deflated data.
_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
# Answers go over loopback: the cheapest level that still shrinks them.
_LEVEL: Final = 1

# What we choose when a client takes several: lz4 costs least, and the others stand by age.
PREFERENCE: Final = ("lz4", "zstd", "gzip", "deflate")


class Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Lz4Compressor(Protocol):
    def begin(self) -> bytes: ...
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


class _Lz4Decompressor(Protocol):
    eof: bool
    needs_input: bool
    unused_data: bytes | None

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def _lz4_compressor() -> _Lz4Compressor:
    make: Callable[[], _Lz4Compressor] = importlib.import_module("lz4.frame").LZ4FrameCompressor
    return make()


def _lz4_decompressor() -> _Lz4Decompressor:
    make: Callable[[], _Lz4Decompressor] = importlib.import_module("lz4.frame").LZ4FrameDecompressor
    return make()


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _Lz4:
    """An lz4 frame whose head goes out with the first part."""

    def __init__(self) -> None:
        self._frame = _lz4_compressor()
        self._head = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + self._frame.compress(data)

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + self._frame.flush()


def accepted(accept_encoding: str) -> str | None:
    """The encoding to answer in, or None for none."""
    offered = {
        name.strip().lower()
        for name, _, quality in (part.partition(";") for part in accept_encoding.split(","))
        if quality.replace(" ", "") not in ("q=0", "q=0.0")
    }
    return next((name for name in PREFERENCE if name in offered), None)


def encoder(encoding: str | None) -> Encoder:
    match encoding:
        case "gzip":
            return zlib.compressobj(_LEVEL, wbits=_GZIP_WBITS)
        case "deflate":
            return zlib.compressobj(_LEVEL, wbits=_ZLIB_WBITS)
        case "zstd":
            return zstd.ZstdCompressor(level=_LEVEL)
        case "lz4":
            return _Lz4()
        case _:
            return _Plain()


def decoded(body: bytes, *, encoding: str, limit_bytes: int) -> bytes:
    """The body without its encoding; at most `limit_bytes` of it."""
    try:
        match encoding.strip().lower():
            case "" | "identity":
                data, is_whole = body, True
            case "gzip" | "x-gzip":
                data, is_whole = _inflated(body, _GZIP_WBITS, limit_bytes)
            case "deflate":
                data, is_whole = _inflated(body, _ZLIB_WBITS, limit_bytes)
            case "zstd":
                data, is_whole = _unframed(body, zstd.ZstdDecompressor, limit_bytes)
            case "lz4":
                data, is_whole = _unframed(body, _lz4_decompressor, limit_bytes)
            case _:
                raise refused(
                    BAD_ARGUMENTS,
                    f"Unknown Content-Encoding '{encoding}'; use gzip, deflate, zstd or lz4.",
                )
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise refused(BAD_ARGUMENTS, f"The body is not valid {encoding}: {error}.") from error
    if len(data) > limit_bytes:
        raise refused(QUERY_IS_TOO_LARGE, f"The body is larger than {limit_bytes} bytes.")
    if not is_whole:
        raise refused(BAD_ARGUMENTS, f"The {encoding} body ends too early.")
    return data


def _inflated(body: bytes, wbits: int, limit_bytes: int) -> tuple[bytes, bool]:
    inflater = zlib.decompressobj(wbits)
    return inflater.decompress(body, limit_bytes + 1), inflater.eof


def _unframed(
    body: bytes,
    make: Callable[[], "_Lz4Decompressor | zstd.ZstdDecompressor"],
    limit_bytes: int,
) -> tuple[bytes, bool]:
    """Frames one after the other: clickhouse-connect makes one per block of an insert."""
    parts: list[bytes] = []
    size = 0
    while body:
        frame = make()
        data = frame.decompress(body, limit_bytes + 1 - size)
        parts.append(data)
        size += len(data)
        if size > limit_bytes or not frame.eof:
            return b"".join(parts), size > limit_bytes
        body = frame.unused_data or b""
    return b"".join(parts), True
