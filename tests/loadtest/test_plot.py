"""The plot is well-formed and holds what it is given."""

from xml.etree import ElementTree as ET

from loadtest import plot

SVG = "{http://www.w3.org/2000/svg}"


def test_every_target_with_values_has_a_line_inside_the_frame() -> None:
    text = plot.curves("a < b", {"direct": [20.0, 21.0, 400.0], "split": [35.0], "none": []})
    root = ET.fromstring(text)
    drawn = root.findall(f"{SVG}polyline")
    assert len(drawn) == 2
    for line in drawn:
        for point in line.attrib["points"].split():
            x, y = (float(part) for part in point.split(","))
            assert plot.LEFT <= x <= plot.WIDTH - plot.RIGHT
            assert plot.TOP <= y <= plot.HEIGHT - plot.BOTTOM
    words = [one.text for one in root.findall(f"{SVG}text")]
    assert "a < b" in words
    assert "direct (3)" in words


def test_no_values_at_all_is_still_a_picture() -> None:
    assert ET.fromstring(plot.curves("empty", {})).tag == f"{SVG}svg"
