"""Locust users that behave like coding agents, one class for each dialect that the product speaks.

A user plays one session after the other: it thinks, sends its growing prompt, reads the stream, runs
its tools, starts subagents that work side by side, breaks an answer off now and then. Shapes are those
of `turnout.demo`, so the same seed sends the same requests to every target and runs can be compared
request by request. Nothing is retried. Every request is a line of `--samples`.

    locust -f loadtest/locustfile.py --headless -u 20 -r 5 -t 60s --host http://127.0.0.1:8080
"""

import csv
import os
import re
import time
from argparse import ArgumentParser
from itertools import count
from typing import ClassVar
from urllib.parse import urlsplit

import gevent
from gevent.pool import Group
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPSocketPoolResponse
from locust import User, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.answers import STREAM_END
from loadtest.samples import COLUMNS, Outcome
from turnout.demo.prompts import PATHS, Prompt, Run
from turnout.demo.sessions import Dialect, Session, Step, draw_session
from turnout.demo.shapes import load_shapes

ANSWER_SECONDS = 60.0
CONNECT_SECONDS = 10.0

LONGEST_PAUSE_SECONDS = 3.0
"""A pause of the user's that is longer only leaves the target idle."""

CONNECTIONS = 16
"""Of one user: its main loop and its subagents."""

BLOCK_BYTES = 65_536
TAIL_BYTES = 400
"""Holds the last event of a stream in either dialect."""

WORKER_STRIDE = 1_000
"""Users of one worker process; their sessions never meet those of another."""

SESSION_STRIDE = 100_000

CONTENT: dict[Dialect, re.Pattern[bytes]] = {
    "anthropic_messages": re.compile(rb"content_block_delta"),
    "openai_chat": re.compile(rb'"content": ?"[^"]|"tool_calls": ?\['),
}
"""What a stream holds as soon as it has content."""

SHAPES = load_shapes()


@events.init_command_line_parser.add_listener
def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, help="which sessions are played")
    parser.add_argument("--longest", type=int, default=40, help="requests of a thread")
    parser.add_argument("--compression", type=float, default=100.0, help="think times by this")
    parser.add_argument("--tag", default="", help="ticket tag of all requests; load-SEED if unset")
    parser.add_argument("--key", default="", help="a router key", include_in_web_ui=False)
    parser.add_argument("--samples", default="", help="CSV file of every request")


class Samples:
    """The lines of one process, flushed as they come: a run may be stopped."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", newline="", encoding="utf-8") if path else None  # noqa: SIM115, PTH123
        self._writer = csv.writer(self._file) if self._file else None
        if self._file and not self._file.tell():
            csv.writer(self._file).writerow(COLUMNS)

    def add(self, *values: object) -> None:
        if self._writer and self._file:
            self._writer.writerow(values)
            self._file.flush()


@events.init.add_listener
def _opened(environment: Environment, **_: object) -> None:
    told = environment.parsed_options
    path: str = told.samples
    if path and isinstance(environment.runner, WorkerRunner):
        path = f"{path}.{os.getpid()}"
    _Agent.samples = Samples(path)
    _Agent.run_of_all = Run(tag=told.tag or f"load-{told.seed}")


class _Agent(User):
    """One developer's agent."""

    abstract = True
    dialect: ClassVar[Dialect]
    numbers: ClassVar["count[int]"]
    samples: ClassVar[Samples] = Samples("")
    run_of_all: ClassVar[Run]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        url = urlsplit(self.host or "")
        is_tls = url.scheme == "https"
        self._client = HTTPClient(
            url.hostname or "127.0.0.1",
            url.port or (443 if is_tls else 80),
            ssl=is_tls,
            concurrency=CONNECTIONS,
            block_size=BLOCK_BYTES,
            connection_timeout=CONNECT_SECONDS,
            network_timeout=ANSWER_SECONDS,
        )
        told = environment.parsed_options
        self._key: str = told.key
        self._seed: int = told.seed
        self._longest: int = told.longest
        self._compression: float = told.compression
        worker = getattr(environment.runner, "worker_index", 0)
        self._number = worker * WORKER_STRIDE + next(self.numbers)

    @task
    def session(self) -> None:
        """One session to its end, or until the run is over."""
        drawn = draw_session(
            SHAPES,
            number=self._number,
            dialect=self.dialect,
            seed=self._seed,
            longest=self._longest,
        )
        self._number += SESSION_STRIDE
        self._thread(drawn, -1)

    def on_stop(self) -> None:
        self._client.close()

    @property
    def _is_over(self) -> bool:
        runner = self.environment.runner
        return runner is None or runner.state in {"stopping", "stopped", "cleanup"}

    def _thread(self, session: Session, number: int) -> None:
        prompt = Prompt(self.run_of_all, session, thread=number)
        thread = session.main if number < 0 else session.subagents[number]
        for place, step in enumerate(thread.steps):
            gevent.sleep(min(LONGEST_PAUSE_SECONDS, step.pause_seconds / self._compression))
            if self._is_over:
                return
            self._request(prompt, step, place)
            prompt.answered(step)
            if step.spawns:
                group = Group()
                try:
                    for spawned in step.spawns:
                        group.spawn(self._thread, session, spawned)
                    group.join(raise_error=True)
                finally:
                    group.kill()

    def _request(self, prompt: Prompt, step: Step, place: int) -> None:
        body = prompt.ask(step)
        headers = prompt.headers(step)
        if self._key:
            headers["x-turnout-key"] = self._key
        sent_at, begun = time.time(), time.perf_counter()
        status, first, error, size = 0, None, "", 0
        outcome: Outcome = "error"
        try:
            answer = self._client.request("POST", PATHS[self.dialect], body, headers)
            try:
                status = answer.status_code
                outcome, first, size, error = self._read(answer, step, begun)
            finally:
                # Closes the connection when the answer is not at its end: what a user's Esc does.
                answer.release()
        except (OSError, ValueError, gevent.Timeout) as reason:
            # ValueError: the parser of geventhttpclient met something that is not HTTP.
            error = f"{type(reason).__name__}: {reason}"[:200]
        total = time.perf_counter() - begun
        self.samples.add(
            *(prompt.session.number, prompt.thread, place, self.dialect, step.kind, status),
            *(outcome, error, f"{sent_at:.6f}"),
            *("" if first is None else f"{first * 1000:.3f}", f"{total * 1000:.3f}", len(body)),
        )
        events.request.fire(
            request_type="POST",
            name=f"{self.dialect} {step.kind}",
            response_time=total * 1000,
            response_length=size,
            exception=ConnectionError(error) if outcome == "error" else None,
            context={},
        )

    def _read(
        self, answer: HTTPSocketPoolResponse, step: Step, begun: float
    ) -> tuple[Outcome, float | None, int, str]:
        """How it ended, seconds to the first content, bytes read, what was wrong."""
        first: float | None = None
        tail, size = b"", 0
        # A line comes as soon as it is there; read() would wait for a whole block.
        while line := bytes(answer.readline(b"\n")):
            size += len(line)
            tail = (tail + line)[-TAIL_BYTES:]
            if first is None and CONTENT[self.dialect].search(line):
                first = time.perf_counter() - begun
                if step.is_interrupted:
                    return "disconnected", first, size, ""
        # An answer that is no stream has no line end.
        tail += bytes(answer.read())
        if answer.status_code != 200:
            return "error", first, size, tail[:200].decode("utf-8", "replace")
        if STREAM_END[self.dialect] not in tail:
            return "error", first, size, f"a stream without its end: {tail[-100:]!r}"
        return "answered", first, size, ""


class ClaudeCode(_Agent):
    """Anthropic Messages, with Claude Code's headers and the shapes of its sessions."""

    dialect = "anthropic_messages"
    numbers = count()


class OpenAIAgent(_Agent):
    """OpenAI Chat, with opencode's headers and the shapes of Codex's sessions."""

    dialect = "openai_chat"
    numbers = count()
