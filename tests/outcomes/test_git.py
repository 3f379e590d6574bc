"""What real repositories say of the agents' commits: landing, reverts, lines and people's edits."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.ingress.edge import NOW
from tests.outcomes.conftest import Listening
from tests.outcomes.workshop import (
    AGENT_TRAILER,
    DAY,
    HOUR,
    MONDAY,
    PERSON,
    Workshop,
    lines,
    numbered,
    session_trailer,
)
from turnout.errors import InvalidRequest
from turnout.outcomes.git_outcomes import GitOptions, git_outcomes
from turnout.outcomes.report import Report, send
from turnout.outcomes.sessions import Session


def told(
    workshop: Workshop,
    *,
    now: int | None = None,
    sessions: Sequence[Session] = (),
    branches: Sequence[str] = (),
    target: str = "",
) -> list[Report]:
    options = GitOptions(
        repo=workshop.path,
        since=MONDAY - 30 * DAY,
        target=target,
        sessions=tuple(sessions),
        branches=tuple(branches),
    )
    return git_outcomes(options, now=workshop.at if now is None else now)


def of_kind(reports: Sequence[Report], kind: str) -> list[Report]:
    return [one for one in reports if one.kind == kind]


def only(reports: Sequence[Report], kind: str) -> Report:
    found = of_kind(reports, kind)
    assert len(found) == 1, found
    return found[0]


def words(reports: Sequence[Report]) -> list[str]:
    return [one.label or one.kind for one in reports]


# -- whether it landed, and after how long -----------------------------------------------------


def test_a_merge_lands_after_the_time_from_the_first_writing(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    written_at = workshop.at
    workshop.switch("main")
    workshop.later(2 * HOUR)
    workshop.merge("fix/login")

    merged = only(told(workshop), "merge")
    assert (merged.commit, merged.session, merged.branch) == (sha, "s-1", "fix/login")
    assert merged.repository == "acme/api"
    assert merged.after_seconds == workshop.at - written_at
    assert merged.source == "git"


def test_work_that_has_not_landed_is_unmerged_until_it_has_and_keeps_its_id(
    workshop: Workshop,
) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    (before,) = told(workshop)
    workshop.switch("main")
    workshop.merge("fix/login")
    after = only(told(workshop), "merge")

    assert (before.kind, before.label, before.branch) == ("label", "unmerged", "fix/login")
    assert before.after_seconds is None
    assert after.id == before.id


def test_people_without_agents_have_no_outcomes(workshop: Workshop) -> None:
    workshop.commit({"own.py": numbered("a person", 3)}, "By hand")
    assert told(workshop) == []


def test_a_branch_that_is_gone_is_known_from_the_merge_that_names_it(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.switch("main")
    workshop.merge("fix/login", "Merge pull request #7 from acme/fix/login")
    workshop.git("branch", "-D", "fix/login")

    assert only(told(workshop), "merge").branch == "fix/login"


def test_a_rebased_branch_is_the_same_work(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    written_at = workshop.at
    before = told(workshop)
    workshop.switch("main")
    workshop.later(HOUR)
    workshop.commit({"other.py": numbered("a person", 3)}, "Meanwhile")
    workshop.git("branch", "rebased", "fix/login")
    workshop.rebase("rebased", "main")
    workshop.switch("main")
    workshop.git("merge", "-q", "--ff-only", "rebased")

    merged = only(told(workshop), "merge")
    assert merged.id == before[0].id
    assert merged.commit == workshop.head("main")
    assert merged.branch == "fix/login"
    assert merged.after_seconds == workshop.at - written_at


def test_a_force_push_does_not_make_it_other_work(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    before = told(workshop)
    workshop.later(HOUR)
    workshop.git("commit", "-q", "--amend", "-m", f"Better words\n\n{session_trailer('s-1')}")

    after = told(workshop)
    assert [one.id for one in after] == [one.id for one in before]
    assert after[0].commit != before[0].commit


@pytest.mark.parametrize("meanwhile", [False, True], ids=["at once", "after others"])
def test_a_squashed_branch_has_landed_with_each_of_its_changes(
    workshop: Workshop, *, meanwhile: bool
) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.agent({"login_test.py": numbered("a test", 4)}, session="s-2")
    workshop.switch("main")
    if meanwhile:
        workshop.commit({"other.py": numbered("a person", 3)}, "Meanwhile")
    squash = workshop.squash("fix/login", "Fix the login (#7)")

    reports = told(workshop)
    merged = of_kind(reports, "merge")
    assert [one.session for one in merged] == ["s-1", "s-2"]
    assert squash not in {one.commit for one in merged}
    edits = only(reports, "human_edits")
    assert (edits.commit, edits.lines_written, edits.lines_kept) == (squash, 10, 10)


def test_a_squash_whose_branch_is_gone_is_known_by_the_messages_in_it(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.switch("main")
    body = f"Fix the login (#7)\n\n* Work of an agent\n\n{session_trailer('s-1')}\n\n* Tidy up\n"
    squash = workshop.squash("fix/login", body)
    workshop.git("branch", "-D", "fix/login")

    merged = only(told(workshop), "merge")
    assert (merged.commit, merged.session) == (squash, "s-1")


def test_a_squash_of_an_earlier_state_of_the_branch_lands_that_much(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.agent({"login_test.py": numbered("a test", 4)})
    workshop.switch("main")
    workshop.squash("fix/login", "Fix the login (#7)")
    workshop.switch("fix/login")
    workshop.agent({"late.py": numbered("too late", 3)})

    assert words(of_kind(told(workshop), "label")) == ["unmerged"]
    assert len(of_kind(told(workshop), "merge")) == 2


def test_a_merge_queue_lands_what_it_built_elsewhere(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.switch("main")
    workshop.branch("other")
    workshop.commit({"other.py": numbered("a person", 3)}, "Another request")
    workshop.switch("main")
    workshop.branch("gh-readonly-queue/main/pr-8-0a1b2c")
    workshop.merge("other", "Merge pull request #8 from acme/other")
    workshop.later(HOUR)
    workshop.merge("fix/login", "Merge pull request #7 from acme/fix/login")
    waiting = told(workshop)
    workshop.switch("main")
    workshop.git("merge", "-q", "--ff-only", "gh-readonly-queue/main/pr-8-0a1b2c")

    assert words(waiting) == ["unmerged"]
    merged = only(told(workshop), "merge")
    assert (merged.commit, merged.branch, merged.id) == (sha, "fix/login", waiting[0].id)


def test_remote_branches_are_branches_and_the_remotes_default_is_the_target(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.git("branch", "-m", "main", "trunk")
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.switch("trunk")
    clone = tmp_path / "clone"
    workshop.git("clone", "-q", str(workshop.path), str(clone))

    (report,) = git_outcomes(GitOptions(repo=clone, since=MONDAY - DAY), now=workshop.at)
    assert (report.label, report.branch) == ("unmerged", "fix/login")


# -- which commits are agents' -----------------------------------------------------------------


def test_an_agent_without_a_session_is_reported_by_branch_and_commit(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    sha = workshop.commit({"login.py": numbered("it", 6)}, "Fix", AGENT_TRAILER)
    (report,) = told(workshop)
    assert (report.session, report.branch, report.commit) == ("", "fix/login", sha)


def test_commits_are_matched_by_branch_and_time(workshop: Workshop) -> None:
    runs = [
        Session(name, "acme/api", "fix/login", MONDAY + begin, MONDAY + end)
        for name, begin, end in (("early", -DAY, -DAY + HOUR), ("now", -HOUR, HOUR))
    ]
    other = Session("elsewhere", "acme/web", "fix/login", MONDAY - 60, MONDAY + HOUR)
    workshop.branch("fix/login")
    workshop.commit({"login.py": numbered("it", 6)}, "No mark at all")
    workshop.later(5 * HOUR)
    workshop.commit({"later.py": numbered("a person", 6)}, "By hand, hours later")

    (report,) = told(workshop, sessions=[*runs, other])
    assert report.session == "now"
    assert told(workshop) == []


def test_a_pattern_of_branches_makes_their_commits_the_agents(workshop: Workshop) -> None:
    workshop.branch("claude/fix-login")
    workshop.commit({"login.py": numbered("it", 6)}, "No mark at all")
    assert words(told(workshop, branches=["claude/*"])) == ["unmerged"]


def test_a_commit_of_two_sessions_is_told_to_both_and_its_lines_once(workshop: Workshop) -> None:
    workshop.commit(
        {"login.py": numbered("it", 6)}, "Fix", session_trailer("s-1"), session_trailer("s-2")
    )
    reports = told(workshop)
    assert [one.session for one in of_kind(reports, "merge")] == ["s-1", "s-2"]
    assert only(reports, "human_edits").session == "s-1"
    assert len({one.id for one in reports}) == len(reports)


# -- reverts -----------------------------------------------------------------------------------


def test_a_revert_is_told_with_the_time_since_the_landing(workshop: Workshop) -> None:
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    landed_at = workshop.at
    workshop.later(3 * HOUR)
    workshop.revert(sha)

    reverted = only(told(workshop), "revert")
    assert (reverted.commit, reverted.session) == (sha, "s-1")
    assert reverted.after_seconds == workshop.at - landed_at


def test_reverting_the_merge_reverts_what_it_brought(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.agent({"login_test.py": numbered("a test", 4)})
    workshop.switch("main")
    merge = workshop.merge("fix/login")
    workshop.revert(merge, mainline=True)

    assert len(of_kind(told(workshop), "revert")) == 2


def test_reverting_the_squash_reverts_its_parts(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.agent({"login_test.py": numbered("a test", 4)})
    workshop.switch("main")
    workshop.revert(workshop.squash("fix/login", "Fix the login (#7)"))

    assert len(of_kind(told(workshop), "revert")) == 2


def test_taking_it_back_by_hand_is_a_revert_too(workshop: Workshop) -> None:
    workshop.agent({"old.py": numbered("a person", 8) + numbered("an agent", 3)})
    workshop.commit({"old.py": numbered("a person", 8)}, "Take it out again")
    assert only(told(workshop), "revert").label == ""


def test_a_reverted_revert_says_that_the_work_is_back(workshop: Workshop) -> None:
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    first = workshop.revert(sha)
    before = only(told(workshop), "revert")
    workshop.revert(first)

    (back,) = of_kind(told(workshop), "label")
    assert (back.label, back.id) == ("reapplied", before.id)


def test_a_revert_on_a_branch_reverts_nothing_yet(workshop: Workshop) -> None:
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.branch("undo")
    workshop.revert(sha)
    assert of_kind(told(workshop), "revert") == []


# -- lines -------------------------------------------------------------------------------------


def survival(reports: Sequence[Report]) -> dict[float | None, tuple[int | None, int | None]]:
    return {
        one.after_seconds: (one.lines_kept, one.lines_written)
        for one in of_kind(reports, "survival")
    }


def test_survival_is_counted_after_a_day_and_after_a_week(workshop: Workshop) -> None:
    text = numbered("an agent", 10)
    workshop.agent({"login.py": text})
    landed_at = workshop.at
    kept = text.splitlines(keepends=True)
    workshop.at = landed_at + DAY // 2
    workshop.commit({"login.py": "".join(kept[2:])}, "Two lines less")
    workshop.at = landed_at + 3 * DAY
    workshop.commit({"login.py": "".join(kept[5:])}, "Three more less")
    workshop.at = landed_at + 9 * DAY
    workshop.commit({"login.py": None}, "After the week")

    assert survival(told(workshop, now=landed_at + DAY - 1)) == {}
    assert survival(told(workshop, now=landed_at + 2 * DAY)) == {DAY: (8, 10)}
    assert survival(told(workshop)) == {DAY: (8, 10), 7 * DAY: (5, 10)}


def test_lines_survive_renames_moves_and_indentation(workshop: Workshop) -> None:
    text = numbered("an agent", 12)
    workshop.agent({"login.py": text})
    landed_at = workshop.at
    workshop.later(HOUR)
    workshop.commit({"login.py": None, "auth/entry.py": text}, "Move the file")
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    workshop.commit({"auth/entry.py": f"def entry():\n{indented}"}, "Indent")
    half = indented.splitlines(keepends=True)
    workshop.commit(
        {"auth/entry.py": "def entry():\n" + "".join(half[:6]), "auth/rest.py": "".join(half[6:])},
        "Split the file",
    )

    assert survival(told(workshop, now=landed_at + 2 * DAY)) == {DAY: (12, 12)}


def test_what_the_agent_replaced_before_landing_is_no_loss(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("a first try", 10)})
    workshop.agent({"login.py": numbered("a second try", 6)})
    workshop.switch("main")
    workshop.merge("fix/login")

    assert survival(told(workshop, now=workshop.at + 2 * DAY)) == {DAY: (6, 6)}


def test_peoples_edits_are_counted_and_agents_are_not(workshop: Workshop) -> None:
    text = numbered("an agent", 10).splitlines(keepends=True)
    workshop.agent({"login.py": "".join(text)})
    workshop.later(HOUR)
    workshop.commit({"login.py": "".join(["by hand\n", "too\n", *text[2:]])}, "Two lines by hand")
    text = ["by hand\n", "too\n", *text[2:]]
    workshop.agent({"login.py": "".join([*text[:-3], "the agent again\n"])}, session="s-2")

    first, second = of_kind(told(workshop), "human_edits")
    assert (first.lines_written, first.lines_kept, first.lines_changed) == (10, 5, 2)
    assert (second.lines_written, second.lines_kept, second.lines_changed) == (1, 1, 0)


def test_edits_after_a_rename_and_before_the_merge_are_counted(workshop: Workshop) -> None:
    text = numbered("an agent", 10).splitlines(keepends=True)
    workshop.branch("fix/login")
    workshop.agent({"login.py": "".join(text)})
    workshop.commit({"login.py": "".join([*text[:9], "by hand\n"])}, "On the branch")
    workshop.switch("main")
    workshop.merge("fix/login")
    text[9] = "by hand\n"
    workshop.commit({"login.py": None, "entry.py": "".join(text)}, "Move")
    workshop.commit({"entry.py": "".join(["first\n", *text[1:]])}, "After the move")

    edits = only(told(workshop), "human_edits")
    assert (edits.lines_written, edits.lines_kept, edits.lines_changed) == (9, 8, 2)


def test_a_revert_is_no_edit(workshop: Workshop) -> None:
    sha = workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.revert(sha)
    edits = only(told(workshop), "human_edits")
    assert (edits.lines_kept, edits.lines_changed) == (0, 0)


def test_the_end_of_a_week_is_the_end_of_its_edits(workshop: Workshop) -> None:
    workshop.agent({"login.py": numbered("an agent", 6)})
    before = only(told(workshop, now=workshop.at + 8 * DAY), "human_edits")
    workshop.later(9 * DAY)
    workshop.commit({"login.py": lines("by hand")}, "Later")
    assert only(told(workshop), "human_edits") == before


# -- what is sent, and what is refused ---------------------------------------------------------


def test_git_is_started_once_for_all_commits_and_once_for_each_state_of_a_file(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "calls"
    path = os.environ["PATH"]
    (tmp_path / "bin").mkdir()
    counting = tmp_path / "bin" / "git"
    counting.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("git")} "$@"\n')
    counting.chmod(0o755)

    def calls(name: str) -> int:
        log.unlink(missing_ok=True)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{path}")
        told(workshop, now=workshop.at + 10 * DAY)
        monkeypatch.setenv("PATH", path)
        return sum(name in line.split() for line in log.read_text().splitlines())

    workshop.agent({"login.py": numbered("an agent", 6)})
    workshop.commit({"login.py": numbered("a person", 2)}, "By hand")
    differences = calls("diff-tree")
    assert calls("blame") == 2
    for at in range(5):
        workshop.branch(f"fix/{at}")
        workshop.agent({f"{at}.py": numbered(f"an agent {at}", 4)}, session=f"s-{at}")
        workshop.switch("main")
        workshop.merge(f"fix/{at}")
        workshop.commit({"other.py": numbered(f"a person {at}", 3)}, "By hand")
    assert calls("diff-tree") == differences
    assert calls("blame") == 2 + 5


def test_the_same_repository_gives_the_same_reports(workshop: Workshop) -> None:
    workshop.branch("fix/login")
    workshop.agent({"login.py": numbered("an agent", 6), "bild.png": "\x00\x01"})
    workshop.switch("main")
    workshop.merge("fix/login")
    assert told(workshop) == told(workshop)


def test_no_text_of_the_repository_is_in_a_report(workshop: Workshop) -> None:
    workshop.author = ("Claude", "noreply@anthropic.com")
    sha = workshop.commit({"secret_name.py": numbered("the secret text", 6)}, "The secret subject")
    workshop.author = PERSON
    workshop.revert(sha)
    sent = msgspec.json.encode(told(workshop, now=workshop.at + 10 * DAY)).decode()
    assert sha in sent
    for word in ("secret", "Claude", "anthropic", "Ada", "git.example.com"):
        assert word not in sent


def test_names_of_files_may_be_anything(workshop: Workshop) -> None:
    text = numbered("an agent", 6)
    workshop.agent({"ein räum.py": text, 'quo"te.py': text, "-x.py": numbered("it", 3)})
    edits = only(told(workshop), "human_edits")
    assert edits.lines_kept == 15


def test_impossible_dates_and_long_names_are_brought_to_what_is_taken(
    workshop: Workshop, ingress: Listening
) -> None:
    workshop.branch("b" * 200 + "/" + "c" * 210)
    workshop.at = 0
    workshop.agent({"old_one.py": numbered("an agent", 6)})
    workshop.at = 9_000_000_000
    workshop.agent({"new_one.py": numbered("an agent", 6)})
    workshop.switch("main")
    workshop.merge("b" * 200 + "/" + "c" * 210)

    reports = told(workshop, now=int(NOW))
    assert len(of_kind(reports, "merge")) == 2
    send(reports, url=ingress.url, key="")
    assert len(ingress.outcomes) == len(reports)
    assert {one.occurred_at for one in ingress.outcomes if one.kind == "merge"} == {NOW}


def test_what_programs_write_is_not_counted_by_line(workshop: Workshop) -> None:
    workshop.agent({"uv.lock": numbered("a program", 60), "login.py": numbered("an agent", 6)})
    assert only(told(workshop), "human_edits").lines_written == 6


def test_what_cannot_be_read_is_one_clear_line(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no directory"):
        git_outcomes(GitOptions(repo=tmp_path / "nowhere", since=0), now=0)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidRequest, match="not a git repository"):
        git_outcomes(GitOptions(repo=empty, since=0), now=0)
    with pytest.raises(InvalidRequest, match="--target release"):
        told(workshop, target="release")
    workshop.git("branch", "-m", "main", "trunk")
    with pytest.raises(InvalidRequest, match="--target"):
        told(workshop)
    shallow = tmp_path / "shallow"
    workshop.commit({"a.py": "a\n"}, "Second")
    workshop.git("clone", "-q", "--depth=1", f"file://{workshop.path}", str(shallow))
    with pytest.raises(InvalidRequest, match="fetch-depth"):
        git_outcomes(GitOptions(repo=shallow, since=0), now=0)
