"""From stored fields to what the scorer wants to know, and from a note to the fields it changes.

Rules: pure; the only place that knows both the fields of `records` and the words of the port. What
is computed here could be stored, but then two notes could disagree about it.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from turnout.catalog.models import model_of_target
from turnout.catalog.token_families import family_of
from turnout.policy import cache
from turnout.policy.decision import ENDS_ESCALATION, ESCALATING, LEFT_ALONE
from turnout.policy.quota import way_of
from turnout.policy.request import Prefix
from turnout.policy.thread import ThreadState, WarmPrefix
from turnout.ports import Note
from turnout.session_cache_tracker import account_records, records
from turnout.session_cache_tracker.store import Merge, Record

Hits: TypeAlias = Callable[[str], Sequence[cache.HitCounts]]

_MS: Final = 1_000.0


def thread_state(
    thread: Record,
    heads: Sequence[Record],
    prefix: Prefix,
    *,
    now: float,
    terms: cache.Terms,
    hits: Hits,
    table: cache.HitTable,
) -> ThreadState:
    """Everything a Look answers."""
    warm_heads = _warm_heads(heads, now=now, terms=terms, hits=hits, table=table)
    quotas = tuple([quota for head in heads for quota in account_records.quotas_of(head)])
    if not thread:
        return ThreadState(heads=warm_heads, quotas=quotas)
    newest = records.newest_of(thread.get("newest", ""))
    steps = records.steps_of(thread.get("recent", ""))
    ends = records.ends_of(thread)
    ended = list(ends.values())
    word, escalated_at = records.escalation_of(thread.get("escalation", ""))
    started = thread.get("started", "")
    return ThreadState(
        steps=int(thread.get("steps", "0")),
        target=newest.target if newest is not None else "",
        started_at=int(started) / _MS if started else 0.0,
        last_at=steps.last_answered_ms / _MS,
        prompt_tokens=steps.prompt_tokens[-1] if steps.prompt_tokens else 0,
        growth_tokens=cache.mean_growth(steps.prompt_tokens, steps.families),
        output_tokens=cache.mean_output(steps.output_tokens, steps.families),
        kept_share=cache.kept_share(newest.rungs, prefix) if newest is not None else 1.0,
        is_retry=_is_retry(thread, newest, prefix),
        tool_errors=steps.newest_errors,
        task_kind=records.kind_of(thread.get("kind", "")),
        warm=_warm_prefixes(thread, prefix, now=now, terms=terms, hits=hits, table=table),
        heads=warm_heads,
        makers=records.makers_of(thread),
        refused=records.refused_of(thread),
        failing_checks=records.failing_checks_of(thread, but=_prompt_digest(prefix)),
        escalated_at=escalated_at if word == "escalated" else 0.0,
        is_left_alone=word == "left_alone",
        quotas=quotas,
        counted_by=steps.families[-1] if steps.families else "unknown",
        last_end=ends.get(newest.version, "") if newest is not None else "",
        refused_answers=ended.count("refused"),
        empty_answers=ended.count("empty"),
        cut_answers=ended.count("cut"),
        broke_off=records.broke_off_since(thread.get("broke_off", ""), newest),
    )


def thread_merge(note: Note, *, version: str, terms: cache.Terms) -> Merge | None:
    """What a note changes in its thread; None for auxiliary requests."""
    if not note.moves_thread:
        return None
    rungs = records.stored_rungs(
        cache.ladder(note.prefix, head_tokens=note.head_tokens, usage=note.usage)
    )
    # A read that keeps the prompt moves nothing but the cache: the thread stands where it stood.
    registers = [] if note.only_keeps else _request_registers(note, version, rungs)
    if note.usage is not None:
        left = cache.written(note.usage, terms(note.target))
        registers += _cache_registers(note, left, version=version, rungs=rungs)
    return Merge(
        key=note.identity.thread_key,
        version=version,
        target=note.target,
        lifetime_ms=records.THREAD_LIFETIME_MS,
        registers=tuple(registers),
        step="" if note.is_failed or note.only_keeps else records.step_line(version, _step(note)),
    )


def head_merge(note: Note, *, version: str, terms: cache.Terms) -> Merge | None:
    """What a note changes in the shared head; None when it says nothing of it."""
    if note.usage is None or not note.head_scope:
        return None
    tokens = round(note.head_tokens * cache.real_scale(note.prefix, note.usage))
    left = cache.head_written(note.usage, terms(note.target), head_tokens=tokens)
    if left.tokens <= 0:
        return None
    return Merge(
        key=note.head_scope,
        version=version,
        target=note.target,
        lifetime_ms=records.HEAD_LIFETIME_MS,
        registers=tuple(_cache_registers(note, left, version=version, rungs=records.NO_RUNGS)),
    )


def account_merge(note: Note, *, version: str) -> Merge | None:
    """What a note says of the account's subscription; None when nothing."""
    if not note.account_scope:
        return None
    return Merge(
        key=note.account_scope,
        version=version,
        target=note.target,
        lifetime_ms=records.HEAD_LIFETIME_MS,
        registers=(
            (f"quota:{way_of(note.target)}", account_records.quota_text(version, note.windows)),
        ),
    )


def hit_observation(
    note: Note, cached_text: str, lifetime_text: str, *, version: str, terms: cache.Terms
) -> tuple[str, int, float] | None:
    """Table, gap bucket and share found, when the note is a return to a prefix known before it."""
    cached = records.cached_of(cached_text)
    # A prefix that was used after this request was sent (parallel requests) is no return to it.
    if note.usage is None or cached is None or cached.version >= version:
        return None
    expected = cache.warm_tokens(cached.tokens, cached.rungs, note.prefix)
    share = cache.observed_share(expected, note.usage)
    gap = note.sent_at - cached.answered_ms / _MS
    if share is None or gap < 0:
        return None
    kind, _ = _lifetime(note.target, records.lifetime_of(lifetime_text), terms)
    return hit_table(note.target, kind), cache.gap_bucket(gap), share


def warm_at(
    target: str,
    cached_text: str,
    lifetime_text: str,
    prefix: Prefix,
    *,
    now: float,
    terms: cache.Terms,
    table: cache.HitTable,
) -> int:
    """Tokens of this prompt still warm at a target, as believed without its hit counts."""
    cached = records.cached_of(cached_text)
    if cached is None:
        return 0
    tokens = cache.warm_tokens(cached.tokens, cached.rungs, prefix)
    lifetime = records.lifetime_of(lifetime_text)
    warm = _warm(
        target, cached, lifetime, tokens, now=now, terms=terms, hits=lambda _: (), table=table
    )
    return warm.tokens if warm is not None else 0


def hit_table(target: str, kind: cache.LifetimeKind) -> str:
    return f"{cache.provider_of(target)}|{kind}"


def _request_registers(
    note: Note, version: str, rungs: records.StoredRungs
) -> list[tuple[str, str]]:
    registers: list[tuple[str, str]] = []
    if note.is_failed:
        registers.append(("failed", records.failed_text(version, rungs.top)))
        if note.broke_off:
            registers.append(("broke_off", records.broke_off_text(version, note.target)))
    else:
        newest = records.Newest(version, note.target, rungs)
        registers.append(("newest", records.newest_text(newest)))
        registers += _evidence_registers(note, version)
    if note.begins_run:
        field = records.made_field(len(note.prefix.digests))
        registers.append((field, records.made_text(version, note.target)))
    if note.task_kind != "other":
        registers.append(("kind", records.kind_text(version, note.task_kind)))
    if note.refused:
        registers.append((records.refused_field(note.refused), version))
    return registers


def _evidence_registers(note: Note, version: str) -> list[tuple[str, str]]:
    """Of an answered request: one that broke off is sent again."""
    registers: list[tuple[str, str]] = []
    if note.check:
        field = records.check_field(_prompt_digest(note.prefix))
        registers.append((field, records.check_text(version, note.check)))
    if note.ended:
        registers.append((records.ended_field(version), records.ended_text(version, note.ended)))
    word: records.EscalationWord | None = None
    if note.reason in ESCALATING:
        word = "escalated"
    elif note.reason == LEFT_ALONE:
        word = "left_alone"
    elif note.reason in ENDS_ESCALATION:
        word = "ended"
    if word is not None:
        registers.append(("escalation", records.escalation_text(version, word)))
    return registers


def _prompt_digest(prefix: Prefix) -> str:
    return prefix.digests[-1] if prefix.digests else prefix.head_digest


def _step(note: Note) -> records.Step:
    usage = note.usage
    estimate = note.prefix.tokens[-1] if note.prefix.tokens else note.head_tokens
    return records.Step(
        answered_ms=records.milliseconds(note.now),
        prompt_tokens=usage.input_total if usage is not None else estimate,
        output_tokens=usage.output if usage is not None else 0,
        # A shell reports a red check as an error too, and it is counted as a check.
        tool_errors=0 if note.check == "failed" else note.step_tool_errors,
        family=family_of(model_of_target(note.target)),
    )


def _cache_registers(
    note: Note, left: cache.Written, *, version: str, rungs: records.StoredRungs
) -> list[tuple[str, str]]:
    cached = records.CachedPrefix(
        version=version,
        answered_ms=records.milliseconds(note.now),
        tokens=left.tokens,
        rungs=rungs,
    )
    registers = [(f"cache:{note.target}", records.cached_text(cached))]
    if left.lifetime_seconds is not None:
        lifetime = records.lifetime_text(version, left.lifetime_seconds)
        registers.append((f"lifetime:{note.target}", lifetime))
    return registers


def _lifetime(
    target: str, paid_for: float | None, terms: cache.Terms
) -> tuple[cache.LifetimeKind, float]:
    if paid_for is not None:
        return cache.lifetime_kind(paid_for), paid_for
    return cache.default_lifetime(terms(target))


def _warm(
    target: str,
    cached: records.CachedPrefix,
    paid_for: float | None,
    tokens: int,
    *,
    now: float,
    terms: cache.Terms,
    hits: Hits,
    table: cache.HitTable,
) -> WarmPrefix | None:
    if tokens <= 0:
        return None
    kind, lifetime = _lifetime(target, paid_for, terms)
    prior = cache.prior_shares(table, cache.provider_of(target), kind, lifetime)
    counts = hits(hit_table(target, kind))
    # The provider's clock starts when it reads the prompt; gaps were measured from the answer.
    expires_at = records.sent_ms_of(cached.version) / _MS + cache.believed_seconds(
        kind, lifetime, prior, counts
    )
    if now >= expires_at:
        return None
    used_at = cached.answered_ms / _MS
    return WarmPrefix(
        target=target,
        tokens=tokens,
        last_used_at=used_at,
        expires_at=expires_at,
        lifetime_seconds=lifetime,
        hit_share=cache.hit_share(prior, counts, bucket=cache.gap_bucket(now - used_at)),
    )


def _warm_prefixes(
    thread: Record,
    prefix: Prefix,
    *,
    now: float,
    terms: cache.Terms,
    hits: Hits,
    table: cache.HitTable,
) -> tuple[WarmPrefix, ...]:
    found: list[WarmPrefix] = []
    for target, cached, paid_for in records.caches_of(thread):
        tokens = cache.warm_tokens(cached.tokens, cached.rungs, prefix)
        warm = _warm(target, cached, paid_for, tokens, now=now, terms=terms, hits=hits, table=table)
        if warm is not None:
            found.append(warm)
    return tuple(sorted(found, key=_newest_first))


def _warm_heads(
    heads: Sequence[Record], *, now: float, terms: cache.Terms, hits: Hits, table: cache.HitTable
) -> tuple[WarmPrefix, ...]:
    found: list[WarmPrefix] = []
    for head in heads:
        for target, cached, paid_for in records.caches_of(head):
            tokens = cached.tokens
            warm = _warm(
                target, cached, paid_for, tokens, now=now, terms=terms, hits=hits, table=table
            )
            if warm is not None:
                found.append(warm)
    return tuple(sorted(found, key=_newest_first))


def _newest_first(warm: WarmPrefix) -> tuple[float, str]:
    return -warm.last_used_at, warm.target


def _is_retry(thread: Record, newest: records.Newest | None, prefix: Prefix) -> bool:
    if newest is not None and cache.is_same_prompt(newest.rungs, prefix):
        return True
    failed = thread.get("failed", "")
    return bool(failed) and cache.is_same_prompt(records.failed_of(failed), prefix)
