"""A disk that a test can fill."""

import resource
import subprocess
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

SIZE_BYTES = 256 * 1024

Filling = Callable[[], AbstractContextManager[None]]


@contextmanager
def small_disk(path: Path) -> Generator[Filling]:
    """Made at `path`; it is full when that is filled within what the value of this gives.

    Where nothing may be mounted, as in an ordinary container, no file grows beyond a disk's size
    meanwhile.
    """
    path.mkdir()
    size = f"size={SIZE_BYTES}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        yield _files_bounded
        return
    try:
        yield nullcontext
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def _files_bounded() -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
