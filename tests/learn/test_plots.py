"""Charts as files."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from turnout.errors import InvalidRequest
from turnout.learn.plots import Chart, Series, save

CHART = Chart(
    title="Accuracy against cost",
    x_label="USD per task",
    y_label="solved, %",
    series=(
        Series("single models", (0.1, 1.0), (60.0, 80.0), "points", names=("small", "large")),
        Series("router", (0.1, 1.0), (62.0, 82.0), band=((60.0, 80.0), (64.0, 84.0))),
        Series("mixing", (0.1, 1.0), (60.0, 80.0), is_backdrop=True),
    ),
    is_log_x=True,
    level=70.0,
)


def test_a_chart_is_a_png_and_an_svg_with_its_words(tmp_path: Path) -> None:
    save(CHART, tmp_path / "new", "chart")
    assert (tmp_path / "new/chart.png").read_bytes().startswith(b"\x89PNG")
    told = {
        (text.text or "").strip()
        for text in ET.parse(tmp_path / "new/chart.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    assert {CHART.title, CHART.x_label, CHART.y_label, "router", "0.2", "small", "large"} <= told


def test_the_same_chart_is_the_same_svg(tmp_path: Path) -> None:
    for name in ("one", "other"):
        save(CHART, tmp_path, name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_where_matplotlib_is_absent_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InvalidRequest, match="need matplotlib"):
        save(CHART, tmp_path, "chart")
    assert list(tmp_path.iterdir()) == []


def test_one_point_on_a_logarithmic_axis_is_drawn(tmp_path: Path) -> None:
    only = Series("only", (0.3,), (50.0,), "points", names=("alone",))
    save(Chart("One", "USD", "solved, %", (only,), is_log_x=True, is_log_y=True), tmp_path, "one")
    assert (tmp_path / "one.png").exists()


def test_more_lines_than_colours_are_told_apart_by_their_dashes(tmp_path: Path) -> None:
    lines = [Series(f"line {number}", (0.0, 1.0), (0.0, float(number))) for number in range(18)]
    save(Chart("Many", "x", "y", lines), tmp_path, "many")
    drawn = (tmp_path / "many.svg").read_text()
    assert all(f"line {number}" in drawn for number in range(18))
    styles = re.findall(
        r'clip-path="url[^"]*" style="(fill: none; stroke[^"]*stroke-width: 1.8[^"]*)"', drawn
    )
    assert len(set(styles)) == 18
