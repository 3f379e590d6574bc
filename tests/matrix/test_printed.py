"""The matrix in the README is the one that the cases are made of, and has no hole."""

from pathlib import Path

from tests.matrix.answers import ANSWERS
from tests.matrix.declared import ALL, PAIRS, Inexpressible, outcome
from tests.matrix.printed import filled
from tests.matrix.requests import REQUESTS

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_readme_has_the_matrix() -> None:
    assert filled(README) == README, "run python -m tests.matrix README.md"


def test_every_empty_cell_has_a_reason() -> None:
    empty = [
        (found.why, feature.name, speaker, reader)
        for feature in (*REQUESTS, *ANSWERS)
        for client, upstream in PAIRS
        for speaker, reader in ((client, upstream), (upstream, client))
        if isinstance(found := outcome(feature, speaker, reader, (client, upstream)), Inexpressible)
    ]
    assert empty
    assert [cell for cell in empty if not cell[0]] == []


def test_names_of_rows_are_their_own() -> None:
    for rows in (REQUESTS, ANSWERS):
        names = [feature.name for feature in rows]
        assert names
        assert len(set(names)) == len(names)
        assert all(set(feature.sides) == set(ALL) for feature in rows)
