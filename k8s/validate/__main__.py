"""`python -m k8s.validate`: builds every overlay, and says line by line what is wrong with them and
with deploy/.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from k8s.validate.compose_file import check_deploy
from k8s.validate.guide import GUIDE, check_guide
from k8s.validate.kubectl import BuildFailed, kubectl
from k8s.validate.overlay import Report, check_overlay, overlays
from k8s.validate.places import check_files
from k8s.validate.schemas import versions

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m k8s.validate")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to look at")
    root: Path = parser.parse_args(argv).root.resolve()
    if unbuildable := list(check_files(root)):
        return _refuse(unbuildable)
    try:
        binary = kubectl()
        reports = [check_overlay(path, root=root, binary=binary) for path in overlays(root)]
    except BuildFailed as reason:
        return _refuse([str(reason)])
    for report in reports:
        _say(report)
    deployed = [*check_deploy(root), *check_guide(root)]
    sys.stdout.write(f"deploy, {GUIDE}: {f'{len(deployed)} wrong' if deployed else 'valid'}\n")
    wrong = sorted({*deployed, *(line for report in reports for line in report.wrong)})
    return _refuse(wrong) if wrong else 0


def _refuse(wrong: Sequence[str]) -> int:
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1


def _say(report: Report) -> None:
    verdict = f"{len(report.wrong)} wrong" if report.wrong else "valid"
    sys.stdout.write(
        f"{report.name}: {report.objects} objects, Kubernetes {', '.join(versions())}: {verdict}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
