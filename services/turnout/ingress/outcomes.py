"""What `POST /v1/outcomes` takes, and the fact that it becomes.

Rules: what is taken fits the tables, so that an outcome that was answered 202 becomes a row. The id of
a fact follows from what was told, so that telling it twice counts once.
"""

import hashlib
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, model_validator

from turnout.facts import OutcomeKind, OutcomeReported
from turnout.ingress.callers import Caller
from turnout.ingress.intake import LARGEST_NUMBER
from turnout.policy.identity import LONGEST_NAME

LONGEST_AFTER_SECONDS = 100 * 365 * 86_400.0
"""A hundred years; whatever is longer is a wrong unit."""

MOST_AHEAD_SECONDS = 86_400.0
"""Clocks differ by less than a day, time zones taken for one another by no more."""


class Outcome(BaseModel):
    """What came of a piece of work; joined to requests by whichever subject fields are set."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(
        default="", max_length=200, description="Yours; the same id told again counts once."
    )
    request_id: str = Field(default="", max_length=200)
    session: str = Field(default="", max_length=LONGEST_NAME)
    repository: str = Field(default="", max_length=400)
    branch: str = Field(default="", max_length=400)
    commit: str = Field(default="", max_length=80)
    kind: OutcomeKind
    score: float | None = Field(default=None, ge=0, le=1, description="Of kind score.")
    label: str = Field(default="", max_length=200, description="Of kind label.")
    tests_passed: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    tests_failed: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    lines_kept: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    lines_changed: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    lines_written: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    after_seconds: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_AFTER_SECONDS,
        description="From the work, or its landing, to this outcome.",
    )
    source: str = Field(default="", max_length=100, description="Who says so: ci, git, a person.")
    occurred_at: datetime | None = Field(default=None, description="When; now if left out.")

    @model_validator(mode="after")
    def _is_about_something(self) -> "Outcome":
        if any("\0" in told for _name, told in self if isinstance(told, str)):
            raise ValueError("a text holds a NUL character, and a repository's texts have none")
        if not (self.request_id or self.session or self.branch or self.commit):
            raise ValueError("set at least one of request_id, session, branch and commit")
        if self.kind == "score" and self.score is None:
            raise ValueError("kind score needs score, between 0 and 1")
        if self.kind == "label" and not self.label:
            raise ValueError("kind label needs label")
        if self.kind == "tests" and self.tests_passed is None and self.tests_failed is None:
            raise ValueError("kind tests needs tests_passed or tests_failed")
        if self.kind == "survival" and None in (self.lines_kept, self.lines_written):
            raise ValueError("kind survival needs lines_kept and lines_written")
        if self.lines_written is not None and (self.lines_kept or 0) > self.lines_written:
            raise ValueError("lines_kept is at most lines_written")
        return self


def fact_of(item: Outcome, caller: Caller, *, now: float) -> OutcomeReported:
    occurred_at = now if item.occurred_at is None else _unix(item.occurred_at)
    return OutcomeReported(
        event_id=_outcome_id(item, caller),
        occurred_at=occurred_at,
        tenant=caller.tenant,
        request_id=item.request_id,
        session=item.session,
        repository=item.repository or caller.tags.repository,
        branch=item.branch,
        commit=item.commit,
        kind=item.kind,
        score=item.score,
        label=item.label,
        tests_passed=item.tests_passed,
        tests_failed=item.tests_failed,
        lines_kept=item.lines_kept,
        lines_changed=item.lines_changed,
        source=item.source,
        reported_by=caller.principal,
        lines_written=item.lines_written,
        after_seconds=item.after_seconds,
    )


def is_possible_time(item: Outcome, *, now: float) -> bool:
    """Whether the tables hold it and it can have happened."""
    return item.occurred_at is None or 0 <= _unix(item.occurred_at) <= now + MOST_AHEAD_SECONDS


def _outcome_id(item: Outcome, caller: Caller) -> str:
    """The same for the same report: the reporter's own id, or else the content."""
    told = item.id or item.model_dump_json(exclude={"id"})
    digest = hashlib.blake2b(f"{caller.tenant}\n{told}".encode(), digest_size=16).hexdigest()
    return f"out_{digest}"


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
