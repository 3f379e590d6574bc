"""Progress on a terminal and without one."""

import io

from typing_extensions import override

from turnout.demo.progress import LINES, Progress


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_there_are_a_few_lines() -> None:
    out = io.StringIO()
    progress = Progress(out, total=1_000)
    for done in range(1, 1_001):
        progress.show(done, failed=0)
    progress.end()
    lines = out.getvalue().splitlines()
    assert len(lines) == LINES
    assert lines[-1].strip() == "1000 of 1000 requests"
    assert "\r" not in out.getvalue()


def test_on_a_terminal_the_bar_is_full_at_the_end() -> None:
    out = Terminal()
    progress = Progress(out, total=3)
    for done in (1, 2, 3):
        progress.show(done, failed=done - 1)
    progress.end()
    assert out.getvalue().endswith("3 of 3 requests, 2 failed\n")
    assert "#" * 30 in out.getvalue()
