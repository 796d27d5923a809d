"""One run of the program as a child process: events in, a result or an error out.

PyTorch and another libtorch cannot be in one process, so the program is never loaded into this one.
"""

from __future__ import annotations

import collections
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeAlias

from ._launch import located

#: What the program tells while it works: ``{"event": "epoch", ...}``; ``docs/reference.md`` lists all of them.
Event: TypeAlias = "dict[str, Any]"

#: How often a wish to end is looked for, in seconds.
_POLL = 0.1

#: Lines of standard error that are kept for the message of a program that breaks off.
_KEPT_LINES = 40


class ProgramError(RuntimeError):
    """The program ended with an error, which it tells: what, why, and what to do."""

    def __init__(self, message: str, because: Iterable[str] = (), hint: str | None = None) -> None:
        """Take the parts of the message."""
        self.message = message
        self.because = list(because)
        self.hint = hint
        lines = [message, *(f"because: {cause}" for cause in self.because)]
        super().__init__("\n".join([*lines, f"hint: {hint}"] if hint else lines))


class Cancelled(ProgramError):
    """The work was cancelled; the message says what of it is kept."""


class ProgramWarning(UserWarning):
    """What the program warns of."""


class _Run:
    """A program that is running, with what it told so far."""

    def __init__(self, arguments: list[str]) -> None:
        program, environment = located()
        child = [program, *arguments]
        # A frozen application is no interpreter that could be started with a script.
        if sys.executable and not getattr(sys, "frozen", False):
            launcher = str(Path(__file__).with_name("_child.py"))
            child = [sys.executable, "-I", launcher, str(os.getpid()), *child]
        # In a session of its own, so that Ctrl-C reaches it once, by way of this process.
        self.process = subprocess.Popen(
            child,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.complaints: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self.readers = [
            threading.Thread(target=self._read_events, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_complaints, args=(self.process.stderr,), daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    def _read_events(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def _read_complaints(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.complaints.append(line.decode(errors="replace").rstrip("\n"))

    def interrupt(self) -> None:
        """Ask the program to end after its step, which leaves nothing half written; asked twice, it ends at once."""
        try:
            os.killpg(self.process.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def end(self) -> None:
        """Interrupt the program and wait for its end; whoever presses Ctrl-C meanwhile is not kept waiting."""
        self.interrupt()
        try:
            self.process.wait()
        except KeyboardInterrupt:
            self.interrupt()
            self.process.wait()
            raise

    def close(self) -> int:
        """Wait for the end of the program and of what it says."""
        status = self.process.wait()
        for reader in self.readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return status


def run_events(
    arguments: list[str],
    on_event: Callable[[Event], object] | None,
    cancel: threading.Event | None,
) -> Event:
    """Run the program with ``--json``, and return its last event, ``done``."""
    run = _Run([*arguments[:1], "--json", *arguments[1:]])
    last: dict[str, Event] = {}
    try:
        cancelled = _follow(run, on_event, cancel, last)
    except BaseException:
        run.end()
        raise
    finally:
        status = run.close()
    if status == 0 and "done" in last:
        return {key: value for key, value in last["done"].items() if key != "event"}
    raise _error(run, status, last.get("error"), cancelled)


def _follow(
    run: _Run,
    on_event: Callable[[Event], object] | None,
    cancel: threading.Event | None,
    last: dict[str, Event],
) -> bool:
    """Hand events on until the program closes its output; return whether it was cancelled."""
    cancelled = False
    while True:
        if cancel is not None and cancel.is_set() and not cancelled:
            cancelled = True
            run.interrupt()
        try:
            line = run.lines.get(timeout=_POLL)
        except queue.Empty:
            continue
        if line is None:
            return cancelled
        try:
            event: Event = json.loads(line)
        except ValueError:
            run.complaints.append(line.decode(errors="replace").rstrip("\n"))
            continue
        last[str(event.get("event"))] = event
        if event.get("event") == "warning":
            warnings.warn(str(event.get("text")), ProgramWarning, stacklevel=4)
        if on_event is not None:
            on_event(event)


def _error(run: _Run, status: int, event: Event | None, cancelled: bool) -> ProgramError:
    kind = Cancelled if cancelled else ProgramError
    if event is not None:
        return kind(event["message"], event["because"], event["hint"])
    if status >= 0:
        message = f"the program ended with status {status}"
    else:
        message = f"the program was ended by {signal.Signals(-status).name}"
    return kind(message, run.complaints)
