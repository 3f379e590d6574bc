"""Names of points in a chart."""

import pytest

from turnout.learn.label_places import (
    CHARACTER_POINTS,
    FONT_POINTS,
    GAPS_POINTS,
    Box,
    Name,
    aligned,
    is_led,
    place_names,
)

FRAME = Box(0.0, 0.0, 400.0, 300.0)


def boxes(*names: Name, points: tuple[tuple[float, float], ...] = ()) -> list[Box]:
    drawn = [*points, *((name.x, name.y) for name in names)]
    return [
        Box(
            name.x + x,
            name.y + y,
            name.x + x + CHARACTER_POINTS * len(name.text),
            name.y + y + FONT_POINTS,
        )
        for name, (x, y) in zip(names, place_names(names, drawn, FRAME), strict=True)
    ]


def test_a_name_alone_is_below_and_to_the_right() -> None:
    (box,) = boxes(Name("model", 100.0, 100.0))

    assert box.left > 100.0
    assert box.top < 100.0


def test_names_of_near_points_cover_neither_each_other_nor_a_point() -> None:
    names = [Name(f"model-{number}", 100.0 + 9 * number, 100.0 - 4 * number) for number in range(4)]

    found = boxes(*names)

    assert not any(one.meets(other) for one in found for other in found if one is not other)
    assert not any(box.holds(name.x, name.y) for box in found for name in names)


def test_a_name_at_the_edge_stays_in_the_axes() -> None:
    (box,) = boxes(Name("a long model name", 395.0, 5.0))

    assert box.is_within(FRAME)


def test_a_name_makes_way_for_a_line() -> None:
    line = tuple((100.0 + x, 91.0) for x in range(0, 60, 4))

    (box,) = boxes(Name("model", 100.0, 100.0), points=line)

    assert not any(box.holds(x, y) for x, y in line)


@pytest.mark.parametrize(
    ("gap", "expected"), [(GAPS_POINTS[0], False), (GAPS_POINTS[1], True), (GAPS_POINTS[2], True)]
)
def test_a_name_that_had_to_give_way_is_led_back(gap: float, *, expected: bool) -> None:
    width = CHARACTER_POINTS * len("model")
    for moved in ((gap, gap), (gap, -gap - FONT_POINTS), (-gap - width, gap), (-width / 2, gap)):
        assert is_led("model", moved) is expected


def test_a_name_is_held_by_the_end_that_its_point_is_at() -> None:
    width = CHARACTER_POINTS * len("model")
    assert aligned("model", (5.0, 5.0)) == (5.0, "left")
    assert aligned("model", (-width / 2, 5.0)) == (-width / 2, "left")
    beside, end = aligned("model", (-5.0 - width, 5.0))
    assert (round(beside, 6), end) == (-5.0, "right")
