"""What the benchmark of evidence compares."""

import pytest

from loadtest.evidence import OUTPUTS, body, measured, taken_in
from turnout.ingress.known_prompts import KnownPrompts


@pytest.mark.parametrize("name", OUTPUTS)
def test_bodies_differ_in_the_tool_alone_and_one_of_them_is_read(name: str) -> None:
    run, read = (body(tool, OUTPUTS[name]) for tool in ("Bash", "Read"))
    assert run.replace(b'"Bash"', b'"Read"') == read
    prompts = KnownPrompts()
    assert taken_in(prompts, read).check == ""
    colour = name.partition(" ")[0]
    assert taken_in(prompts, run).check == {"green": "passed", "red": "failed"}.get(colour, "")


def test_every_output_has_a_row() -> None:
    rows = measured(rounds=1, calls=1)
    assert [one.output for one in rows] == list(OUTPUTS)
    assert all(one.read_us > 0 and one.unread_us > 0 for one in rows)
