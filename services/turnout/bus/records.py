"""The record format of spool segments, as bytes in and records out; no files here.

A record is magic, payload length, crc32 of kind and payload, kind, payload. Rules: a record whose
checksum is wrong is never handed out; after damage the scan goes on at the next whole record, and
says how many bytes it passed over.
"""

import struct
import zlib

import msgspec

# Four bytes that no protobuf message of ours begins with; the scan finds its way back by them.
MAGIC = b"\xf5TF\x01"
_HEADER = struct.Struct("<4sIIB")
HEADER_BYTES = _HEADER.size
# A decision with fifty candidates is 10 kB; NATS servers refuse messages over 1 MB by default.
MAX_PAYLOAD_BYTES = 128 * 1024


class Record(msgspec.Struct, frozen=True, gc=False):
    """One accepted fact as it lies in a segment; `end` is the offset after it."""

    kind: int
    payload: bytes
    end: int


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a stretch of a segment holds.

    Attributes:
        end: offset up to which everything has been read or given up.
        lost_bytes: bytes passed over because no whole record lay in them.
    """

    records: tuple[Record, ...]
    end: int
    lost_bytes: int


def encode_record(kind: int, payload: bytes) -> bytes:
    checksum = zlib.crc32(payload, kind)
    return _HEADER.pack(MAGIC, len(payload), checksum, kind) + payload


def scan(data: bytes, *, start: int, is_whole: bool) -> Scan:
    """Read the records of `data`, whose first byte has the offset `start` in its segment.

    `is_whole` says that nothing follows `data`: a record that is cut off at its end is then torn
    for good, otherwise it is left for the next scan.
    """
    records: list[Record] = []
    at, lost, size = 0, 0, len(data)
    while at < size:
        end = _record_end(data, at)
        if end is not None and end <= size:
            record = _record(data, at, end, start=start)
            if record is not None:
                records.append(record)
                at = end
                continue
        elif not is_whole and _may_go_on(data, at, end):
            break
        following = data.find(MAGIC, at + 1)
        if following < 0:
            # The last bytes may be the beginning of a magic number that goes on in the next scan.
            following = size if is_whole else max(at + 1, size - len(MAGIC) + 1)
        lost += following - at
        at = following
    return Scan(records=tuple(records), end=start + at, lost_bytes=lost)


def _record_end(data: bytes, at: int) -> int | None:
    """Where the record at `at` ends by its own account; None when none begins there."""
    if len(data) - at < HEADER_BYTES:
        return None
    magic, length, _, _ = _HEADER.unpack_from(data, at)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES:
        return None
    end: int = at + HEADER_BYTES + length
    return end


def _record(data: bytes, at: int, end: int, *, start: int) -> Record | None:
    _, _, checksum, kind = _HEADER.unpack_from(data, at)
    payload = data[at + HEADER_BYTES : end]
    if zlib.crc32(payload, kind) != checksum:
        return None
    return Record(kind=kind, payload=payload, end=start + end)


def _may_go_on(data: bytes, at: int, end: int | None) -> bool:
    """Whether the bytes from `at` may be the beginning of a record that is not all here."""
    is_cut_header = len(data) - at < HEADER_BYTES
    return end is not None or (is_cut_header and MAGIC.startswith(data[at : at + len(MAGIC)]))
