"""The README says what the code says."""

import re
import subprocess
from pathlib import Path

from turnout.reference import filled
from turnout.settings import variables
from turnout.simulator.directives import WORDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "deploy/prometheus/RUNBOOK.md").read_text(encoding="utf-8")


def test_the_tables_of_the_readme_follow_from_the_code() -> None:
    assert filled(README) == README, "run python -m turnout.reference README.md"


def test_every_setting_says_what_it_means() -> None:
    assert [one.name for one in variables().values() if not one.meaning] == []


def test_every_directive_of_the_simulated_provider_is_in_the_readme() -> None:
    named = set(re.findall(r"`([a-z-]+)[=`]", README))
    assert [word for word in WORDS if word not in named] == []


def test_every_path_that_is_named_exists() -> None:
    text = README + ARCHITECTURE + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(
        r"`((?:tests|services|deploy|k8s|proto|loadtest|requirements)/[\w./-]*)`", text
    )
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = f"{README}\n{ARCHITECTURE}\n{CHANGELOG}\n{RUNBOOK}"
    targets = set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]+)", text, re.MULTILINE))
    assert targets
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


def test_make_alone_lists_the_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = re.findall(r"^([\w-]+):.*##", makefile, re.MULTILINE)
    assert re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE) == explained
    assert {"run", "test", "k8s-validate"} <= {*explained}
