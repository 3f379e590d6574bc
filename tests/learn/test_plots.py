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


def test_a_series_with_a_place_of_its_own_looks_the_same_in_every_chart(tmp_path: Path) -> None:
    def colour_of(chart: Chart, name: str) -> str:
        save(chart, tmp_path, name)
        (found,) = re.findall(
            r'style="fill: none; stroke: (#[0-9a-f]{6}); stroke-width: 1.8',
            (tmp_path / f"{name}.svg").read_text().split('id="legend')[0],
        )
        return str(found)

    own = Series("own", (0.0, 1.0), (0.0, 1.0), place=3)
    other = Series("other", (0.0, 1.0), (1.0, 0.0), "points")
    alone = colour_of(Chart("One", "x", "y", (own,)), "alone")
    assert colour_of(Chart("Two", "x", "y", (other, own)), "beside") == alone
    by_order = Series("own", (0.0, 1.0), (0.0, 1.0))
    assert colour_of(Chart("One", "x", "y", (by_order,)), "by order") != alone


def test_a_name_that_is_far_from_its_point_is_led_to_it(tmp_path: Path) -> None:
    near = Series("near", (0.5,), (0.5,), "points", names=("a name",))
    places = [(0.5 + x / 100, 0.5 + y / 40) for x in range(-6, 7) for y in range(-2, 3)]
    crowd = Series("crowd", [x for x, _ in places], [y for _, y in places], "points")
    wide = Series("wide", (0.0, 1.0), (0.0, 1.0), "points", is_backdrop=True)
    drawn: dict[str, str] = {}
    for name, series in {"free": (near, wide), "crowded": (near, crowd, wide)}.items():
        save(Chart("Names", "x", "y", series), tmp_path, name)
        drawn[name] = (tmp_path / f"{name}.svg").read_text()
    led = "stroke: #999999; stroke-width: 0.6"
    assert led not in drawn["free"]
    assert led in drawn["crowded"]
