"""The fields of a thread and of a shared head, as every store keeps them.

A record is a flat map of strings. A store only merges; what the fields mean is computed at Look
(`reading`), so stores need few rules, and the Lua and the Python of them stay the same:

* Every note has a version: the millisecond it was sent at, then a digest of its request id. Versions
  are of fixed width, so they order as strings, and no two notes have the same one.
* `seen` holds the ids of the newest notes in order of arrival. A note whose id is in it changes
  nothing.
* Registers (`newest`, `failed`, `broke_off`, `kind`, `cache:<target>`, `lifetime:<target>`, `made:<number>`,
  `refused:<target>`, `check:<prompt>`, `ended:<id>`, `escalation`) begin with the version of their note; the greatest
  value stays. `newest` is the last answered request; `failed` the last one whose answer came to
  no end, `broke_off` the last one whose answer its target broke off;
  `cache:` what an answer has left in a target's prompt cache; `lifetime:` what the newest write there was
  paid for, which reads leave alone; `made:` the target whose answers begin behind that many messages. A
  run is void once a newer one has begun before it. `refused:` says that the target has refused what
  another one then answered. `kind` is what the thread was last taken to be about. `check:` says how a
  check came out whose result stood at the end of that prompt, so that a prompt that is sent again does
  not count twice. `ended:` says how an answer ended that was none to go on with. `escalation` says what
  the last decision about it was.
* `recent` holds one line for each of the newest answered requests, in order of version.
* `steps` counts answered requests, `started` is the earliest sending time.
* `lease` says until when which replica alone keeps the thread's prompt cached; it is written with each
  read, by whoever holds it or when nobody does.
* Of the `cache:`, the `made:`, the `refused:`, the `check:` and the `ended:` registers those of the
  newest versions are kept; `lifetime:` goes with `cache:`.

Hence notes of one thread may arrive in any order, late, or again: the record is the same, as long as
no more than `SEEN_NOTES` others come between a note and its repetition.

`account_records` has what is kept of accounts and tenants, by the same rules.

Digests, numbers and target ids only; nothing here is text of a prompt. Separators are control
characters: no target id holds one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from turnout.catalog.token_families import FIGURES, Family
from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.cache import Rung
from turnout.policy.checks import Verdict
from turnout.policy.request import TASK_KINDS, TaskKind
from turnout.policy.thread import Maker

BETWEEN_FIELDS: Final = "\x1e"
WITHIN_FIELD: Final = "\x1f"
BETWEEN_LINES: Final = "\x1d"

SENT_DIGITS: Final = 14
"""Milliseconds since 1970 have 13 digits until the year 2286."""
ID_DIGITS: Final = 10
"""40 bits: within the notes that are compared, two ids meet by chance once in 10^10."""
SEEN_NOTES: Final = 64
"""A repeated Note follows the first one within its caller's deadline; a thread has rarely more than
eight requests in flight, a program that sends one prompt in parallel a few dozen."""
SEEN_CHARACTERS: Final = SEEN_NOTES * (ID_DIGITS + 1)
RECENT_STEPS: Final = 16
"""Means over sixteen steps follow a change of work within minutes; error streaks of more than four
were seen 29 times in 47,000 calls."""
STEP_WORDS: Final = 6
"""Version, time of the answer, prompt tokens, output tokens, tool errors, whose tokens they are."""
WORDS_OF_EVERY_BUILD: Final = 5
"""Older ones do not say whose tokens, and threads outlive an update by days."""
TARGETS_KEPT: Final = 8
"""Targets that one thread is warm in; lifetimes end before a thread has been through more. As many that
have refused it: few are cheap enough to be tried."""
RUNS_KEPT: Final = 32
"""A thread that has moved more often has long left what its first makers wrote to compaction."""
CHECKS_KEPT: Final = 8
"""A streak of red checks is counted as far as this: 29 of four or more were seen in 47,000 calls."""
ENDS_KEPT: Final = 8
"""Answers that were none to go on with: who had more of them in one thread has long done something."""
MESSAGE_DIGITS: Final = 6
"""Numbers of messages of fixed width order as strings."""
HITS_REMEMBERED: Final = 2_000
"""Observations a bucket of the hit table may weigh before it is halved, so that a provider that
changes its habits is followed within some thousand returns."""

THREAD_LIFETIME_MS: Final = 72 * 3_600_000
"""A session left on Friday evening goes on on Monday morning."""
HEAD_LIFETIME_MS: Final = 24 * 3_600_000
"""The longest documented cache lifetime is a day."""
HITS_LIFETIME_MS: Final = 30 * 24 * 3_600_000
"""A provider not used for a month starts again from the measured table."""


EscalationWord: TypeAlias = Literal["escalated", "left_alone", "ended"]
ESCALATION_WORDS: Final[tuple[EscalationWord, ...]] = get_args(EscalationWord)


class Step(msgspec.Struct, frozen=True, gc=False):
    """An answered request, as `recent` holds it."""

    answered_ms: int
    prompt_tokens: int
    output_tokens: int
    tool_errors: int
    family: Family


class Steps(msgspec.Struct, frozen=True, gc=False):
    """What `recent` holds, oldest first, by column: a Look reads sums, not single steps.

    Attributes:
        newest_errors: steps with a tool error, counted from the newest to the first without one.

    """

    last_answered_ms: int = 0
    prompt_tokens: Sequence[int] = ()
    output_tokens: Sequence[int] = ()
    newest_errors: int = 0
    families: Sequence[Family] = ()


class StoredRungs(msgspec.Struct, frozen=True, gc=False):
    """Rungs as they are kept; read one by one, because mostly the first one answers the question."""

    text: str

    @property
    def top(self) -> "StoredRungs":
        """The whole prompt's rung alone."""
        return StoredRungs(self.text.partition(" ")[0])

    def __iter__(self) -> Iterator[Rung]:
        for item in self.text.split(" ") if self.text else ():
            # Digests are hexadecimal by convention only, so the outer colons are looked for.
            count, _, rest = item.partition(":")
            digest, _, tokens = rest.rpartition(":")
            yield Rung(int(count), digest, int(tokens))


class Newest(msgspec.Struct, frozen=True, gc=False):
    """The last answered request."""

    version: str
    target: str
    rungs: StoredRungs


class CachedPrefix(msgspec.Struct, frozen=True, gc=False):
    """What an answer has left in a target's prompt cache. A head has no rungs."""

    version: str
    answered_ms: int
    tokens: int
    rungs: StoredRungs


NO_RUNGS: Final = StoredRungs("")

_FAMILIES: Final[Mapping[str, Family]] = {family: family for family in FIGURES}
_KINDS: Final[Mapping[str, TaskKind]] = {kind: kind for kind in TASK_KINDS}
_ENDS: Final[Mapping[str, AnswerEnd]] = {end: end for end in get_args(AnswerEnd)}


def milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1_000))


def version_of(*, request_id: str, sent_ms: int) -> str:
    name = blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=ID_DIGITS // 2)
    return f"{sent_ms:0{SENT_DIGITS}d}{name.hexdigest()}"


def sent_ms_of(version: str) -> int:
    return int(version[:SENT_DIGITS])


def step_line(version: str, step: Step) -> str:
    sizes = f"{step.prompt_tokens} {step.output_tokens}"
    return f"{version} {step.answered_ms} {sizes} {step.tool_errors} {step.family}"


def steps_of(recent: str) -> Steps:
    if not recent:
        return Steps()
    words = recent.replace(BETWEEN_LINES, " ").split(" ")
    if len(words) != STEP_WORDS * (1 + recent.count(BETWEEN_LINES)):
        words = _words_of_builds(recent)
    newest_errors = 0
    for errors in reversed(words[4::STEP_WORDS]):
        if errors == "0":
            break
        newest_errors += 1
    return Steps(
        # Milliseconds of today have as many digits as all others, so they order as strings.
        last_answered_ms=int(max(words[1::STEP_WORDS])),
        prompt_tokens=tuple(map(int, words[2::STEP_WORDS])),
        output_tokens=tuple(map(int, words[3::STEP_WORDS])),
        newest_errors=newest_errors,
        families=tuple([_FAMILIES.get(word, "unknown") for word in words[5::STEP_WORDS]]),
    )


def _words_of_builds(recent: str) -> list[str]:
    """Of steps some of which another build has written: what not every build knows comes last."""
    words: list[str] = []
    for step in [line.split(" ") for line in recent.split(BETWEEN_LINES)]:
        if len(step) < WORDS_OF_EVERY_BUILD:
            raise ValueError("a step has too few words")
        words += [*step, "unknown"][:STEP_WORDS]
    return words


def stored_rungs(rungs: Iterable[Rung]) -> StoredRungs:
    return StoredRungs(" ".join([f"{rung.count}:{rung.digest}:{rung.tokens}" for rung in rungs]))


def newest_text(newest: Newest) -> str:
    return WITHIN_FIELD.join((newest.version, newest.target, newest.rungs.text))


def newest_of(text: str) -> Newest | None:
    if not text:
        return None
    version, target, rungs = text.split(WITHIN_FIELD)
    return Newest(version, target, StoredRungs(rungs))


def cached_text(cached: CachedPrefix) -> str:
    return WITHIN_FIELD.join(
        (cached.version, str(cached.answered_ms), str(cached.tokens), cached.rungs.text)
    )


def cached_of(text: str) -> CachedPrefix | None:
    if not text:
        return None
    version, answered, tokens, rungs = text.split(WITHIN_FIELD)
    return CachedPrefix(version, int(answered), int(tokens), StoredRungs(rungs))


def failed_text(version: str, rungs: StoredRungs) -> str:
    return WITHIN_FIELD.join((version, rungs.text))


def failed_of(text: str) -> StoredRungs:
    return StoredRungs(text.split(WITHIN_FIELD)[1]) if text else NO_RUNGS


def broke_off_text(version: str, target: str) -> str:
    return f"{version}{WITHIN_FIELD}{target}"


def broke_off_since(text: str, newest: Newest | None) -> str:
    """Whose answer broke off, unless a newer request has been answered."""
    version, _, target = text.partition(WITHIN_FIELD)
    return target if newest is None or version > newest.version else ""


def lifetime_text(version: str, lifetime_seconds: float) -> str:
    return f"{version}{WITHIN_FIELD}{lifetime_seconds:g}"


def lifetime_of(text: str) -> float | None:
    return float(text.split(WITHIN_FIELD)[1]) if text else None


def made_field(first_message: int) -> str:
    return f"made:{first_message:0{MESSAGE_DIGITS}d}"


def made_text(version: str, target: str) -> str:
    return f"{version}{WITHIN_FIELD}{target}"


def makers_of(record: Mapping[str, str]) -> tuple[Maker, ...]:
    """The runs that stand: each is newer than all that begin before it."""
    found: list[Maker] = []
    newest = ""
    for field in sorted(name for name in record if name.startswith("made:")):
        version, target = record[field].split(WITHIN_FIELD)
        if version > newest:
            newest = version
            found.append(Maker(int(field[len("made:") :]), target))
    return tuple(found)


def kind_text(version: str, kind: TaskKind) -> str:
    return f"{version}{WITHIN_FIELD}{kind}"


def kind_of(text: str) -> TaskKind:
    """`other` also for a kind that another version knows."""
    return _KINDS.get(text.partition(WITHIN_FIELD)[2], "other")


def refused_field(target: str) -> str:
    return f"refused:{target}"


def refused_of(record: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name[len("refused:") :] for name in record if name.startswith("refused:")))


def check_field(prompt_digest: str) -> str:
    name = blake2b(prompt_digest.encode("utf-8", "surrogatepass"), digest_size=ID_DIGITS // 2)
    return f"check:{name.hexdigest()}"


def check_text(version: str, verdict: Verdict) -> str:
    return f"{version}{WITHIN_FIELD}{verdict}"


def failing_checks_of(record: Mapping[str, str], *, but: str) -> int:
    """Red checks since the last green one, without that of the prompt with the digest `but`."""
    checks = [field for field in record if field.startswith("check:")]
    if not checks:
        return 0
    own = check_field(but)
    found = [record[field] for field in checks if field != own]
    streak = 0
    for text in sorted(found, reverse=True):
        if text.split(WITHIN_FIELD)[1] != "failed":
            break
        streak += 1
    return streak


def ended_field(version: str) -> str:
    return f"ended:{version[SENT_DIGITS:]}"


def ended_text(version: str, ended: AnswerEnd) -> str:
    return f"{version}{WITHIN_FIELD}{ended}"


def ends_of(record: Mapping[str, str]) -> dict[str, AnswerEnd]:
    """By version, how answers ended that were none to go on with."""
    found: dict[str, AnswerEnd] = {}
    for field, text in record.items():
        if field.startswith("ended:"):
            version, word = text.split(WITHIN_FIELD)
            # "" also for an end that another version knows.
            found[version] = _ENDS.get(word, "")
    return found


def escalation_text(version: str, word: EscalationWord) -> str:
    return f"{version}{WITHIN_FIELD}{word}"


def escalation_of(text: str) -> tuple[EscalationWord, float]:
    """What was decided last, and when that request was sent, in unix seconds."""
    version, _, word = text.partition(WITHIN_FIELD)
    for known in ESCALATION_WORDS:
        if word == known:
            return known, sent_ms_of(version) / 1_000
    return "ended", 0.0


def lease_text(until_ms: int, reader: str) -> str:
    return f"{until_ms:0{SENT_DIGITS}d}{WITHIN_FIELD}{reader}"


def caches_of(record: Mapping[str, str]) -> list[tuple[str, CachedPrefix, float | None]]:
    """Target, what is cached there, and the lifetime that was paid for where one is known."""
    found: list[tuple[str, CachedPrefix, float | None]] = []
    for field, text in record.items():
        if field.startswith("cache:"):
            target = field[len("cache:") :]
            cached = cached_of(text)
            if cached is not None:
                found.append((target, cached, lifetime_of(record.get(f"lifetime:{target}", ""))))
    return found
