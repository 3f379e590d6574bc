import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.engines.clickhouse.codec import PREFERENCE, accepted, decoded, encoder
from turnout.engines.clickhouse.outcome import QueryFailed


@given(parts=st.lists(st.binary(max_size=2000)), encoding=st.sampled_from([*PREFERENCE, None]))
def test_what_is_encoded_in_parts_is_decoded_whole(
    parts: list[bytes], encoding: str | None
) -> None:
    packer = encoder(encoding)
    packed = b"".join(packer.compress(part) for part in parts) + packer.flush()
    data = decoded(packed, encoding=encoding or "", limit_bytes=1_000_000)
    assert data == b"".join(parts)


@pytest.mark.parametrize("encoding", PREFERENCE)
def test_a_small_body_does_not_become_a_large_one(encoding: str) -> None:
    packer = encoder(encoding)
    packed = packer.compress(b"0" * 10_000_000) + packer.flush()
    with pytest.raises(QueryFailed, match="larger than 1000000 bytes"):
        decoded(packed, encoding=encoding, limit_bytes=1_000_000)


@pytest.mark.parametrize("encoding", PREFERENCE)
def test_half_a_body_is_refused(encoding: str) -> None:
    packer = encoder(encoding)
    packed = packer.compress(b"a query" * 100) + packer.flush()
    with pytest.raises(QueryFailed, match=r"ends too early|is not valid"):
        decoded(packed[: len(packed) // 2], encoding=encoding, limit_bytes=1_000_000)


def test_frames_one_after_the_other_are_one_body() -> None:
    for encoding in ("lz4", "zstd"):
        packed = b""
        for part in (b"one", b"two"):
            packer = encoder(encoding)
            packed += packer.compress(part) + packer.flush()
        assert decoded(packed, encoding=encoding, limit_bytes=100) == b"onetwo"


def test_other_programs_frames_are_read() -> None:
    assert decoded(gzip.compress(b"x"), encoding="gzip", limit_bytes=10) == b"x"
    assert decoded(zlib.compress(b"x"), encoding="deflate", limit_bytes=10) == b"x"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("lz4,zstd,gzip,deflate", "lz4"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("br", None),
        ("", None),
    ],
)
def test_the_cheapest_offered_encoding_is_chosen(accept: str, chosen: str | None) -> None:
    assert accepted(accept) == chosen
