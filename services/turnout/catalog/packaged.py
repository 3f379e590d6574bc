"""The one edge of the catalog: reads the snapshot that ships with the package.

Everything else in `turnout.catalog` is pure and takes bytes. Only compositions, commands and tests
call this.
"""

from importlib import resources


def snapshot_bytes() -> bytes:
    """The bytes of the shipped `snapshot.json`."""
    return resources.files("turnout.catalog").joinpath("snapshot.json").read_bytes()
