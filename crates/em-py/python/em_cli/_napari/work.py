"""One work of the program at a time: a button that starts it, a bar, a button that ends it, and what is said of it.

The work is done on a thread that waits for the program; the window stays free, and whatever the thread tells reaches
the window by Qt's signals.
"""

from __future__ import annotations

import html
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from napari.qt.threading import WorkerBase, WorkerBaseSignals
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from em_cli.program import Cancelled, Event, NotReady, ProgramError

#: Is given the program's events.
OnEvent: TypeAlias = "Callable[[Event], object]"

#: What a thread does: it hands events on, and ends when it is cancelled.
Task: TypeAlias = "Callable[[OnEvent, threading.Event], Any]"

#: What is told as it is, without a traceback: mistakes of users, files that are not right, the program's own errors.
_TOLD = (ProgramError, NotReady, OSError, ValueError, TypeError)

#: A blue that is read on the dark background of napari and on the light one.
_LINK = "#4a90e2"

#: Parts of a whole bar.
_WHOLE = 1000


@dataclass
class Progress:
    """How far a work is, by its events."""

    epochs: int = 0
    network: str = ""
    """Which of several networks is trained."""
    share: float | None = None
    """Of what is done; ``None`` where nobody knows."""
    text: str = ""
    best: dict[str, Any] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """Take an event."""
        kind = event["event"]
        if kind == "planned":
            self.epochs, self.share = event["epochs"], 0.0
        elif kind == "fold":
            self._begin(f"network {event['number']} of {event['of']} that scores: ")
        elif kind in ("teacher", "labelling", "all_regions"):
            self._begin({"teacher": "first network: ", "labelling": "asking it", "all_regions": ""}[kind])
        elif kind == "step":
            self._at(event["epoch"], (event["epoch"] - 1 + event["tiles"] / max(1, event["of"])) / max(1, self.epochs))
        elif kind == "epoch":
            iou = (event.get("validation") or {}).get("iou")
            self._at(event["epoch"], event["epoch"] / max(1, self.epochs), "" if iou is None else f", IoU {iou:.3f}")
        elif kind == "stage_started":
            self.share, self.text = 0.0, ""
        elif kind == "stage":
            self.share = event["done"] / max(1, event["of"])
            self.text = f"{event['done']} of {event['of']} {event['unit']}"
        elif kind == "stage_finished":
            self.share, self.text = None, "almost done"
        elif kind == "note":
            self.text = str(event["text"])

    def _begin(self, network: str) -> None:
        self.network, self.share, self.text = network, None, network.rstrip(": ")

    def _at(self, epoch: int, share: float, score: str = "") -> None:
        self.share, self.text = min(1.0, share), f"{self.network}epoch {epoch} of {self.epochs}{score}"


class _Signals(WorkerBaseSignals):
    told = Signal(object)


class _Worker(WorkerBase):
    """A thread that does a task, until it is done or cancelled."""

    def __init__(self, task: Task) -> None:
        super().__init__(SignalsClass=_Signals)
        self._task = task
        self.cancelled = threading.Event()

    def work(self) -> Any:
        """Do the task."""
        return self._task(self.signals.told.emit, self.cancelled)

    def quit(self) -> None:
        """End the program, as napari asks for when it is closed."""
        self.cancelled.set()
        super().quit()


class Runner(QWidget):
    """The lower end of a widget: what starts a work and shows how it goes."""

    def __init__(self, verb: str, prepare: Callable[[], Task], finish: Callable[[Any], str]) -> None:
        """Take what the button says, what gathers a task from the fields, and what shows the result and tells of it."""
        super().__init__()
        self._prepare, self._finish = prepare, finish
        self._worker: _Worker | None = None
        self._progress = Progress()
        self.start = QPushButton(verb)
        self.cancel = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setOpenExternalLinks(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.start.clicked.connect(self._begin)
        self.cancel.clicked.connect(self.end)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 2)
        buttons.addWidget(self.cancel, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self._rest()

    @property
    def is_running(self) -> bool:
        """Whether a work goes on."""
        return self._worker is not None

    def end(self) -> None:
        """End the work after its step."""
        if self._worker is not None:
            self._worker.cancelled.set()
            self.cancel.setEnabled(False)
            self.status.setText("ending ...")

    def _begin(self) -> None:
        try:
            task = self._prepare()
        except _TOLD as error:
            self._fail(error)
            return
        worker = _Worker(task)
        self._worker, self._progress = worker, Progress()
        worker.told.connect(self._hear)
        worker.warned.connect(lambda warned: show_warning(str(warned[0])))
        worker.returned.connect(self._done)
        worker.errored.connect(self._fail)
        worker.finished.connect(self._rest)
        # A widget that is gone has no button to end its work by.
        self.destroyed.connect(lambda *_: worker.cancelled.set())
        self.start.setEnabled(False)
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.status.setText("starting ...")
        worker.start()

    def _hear(self, event: Event) -> None:
        self._progress.hear(event)
        share = self._progress.share
        self.bar.setRange(0, 0 if share is None else _WHOLE)
        if share is not None:
            self.bar.setValue(round(share * _WHOLE))
        if self.cancel.isEnabled() and self._progress.text:
            self.status.setText(html.escape(self._progress.text))

    def _done(self, result: Any) -> None:
        try:
            self.status.setText(self._finish(result))
        except _TOLD as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, _TOLD):
            self.status.setText(f"{type(error).__name__}: {html.escape(str(error))}")
            raise error
        self.status.setText(html.escape(str(error)).replace("\n", "<br>"))
        (show_info if isinstance(error, Cancelled) else show_error)(str(error))

    def _rest(self) -> None:
        self._worker = None
        self.start.setEnabled(True)
        self.cancel.setEnabled(False)
        self.bar.hide()


@contextmanager
def new_folder(base: Path, job: str, kept: str) -> Iterator[Path]:
    """Make the folder ``job-N`` for the results of a work; where it fails before there is what is kept, it goes."""
    number = 1
    while (base / f"{job}-{number}").exists():
        number += 1
    folder = base / f"{job}-{number}"
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException as error:
        is_kept = (folder / kept).exists()
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Cancelled):
            # What the program advises is for those who have a command line before them.
            rest = f"what was done is in `{folder}`" if is_kept else "nothing is kept"
            raise Cancelled(f"cancelled; {rest}") from error
        raise


def link(path: str | Path, text: str) -> str:
    """Write a link to a file, for the status of a runner."""
    return f'<a style="color: {_LINK}" href="{html.escape(Path(path).resolve().as_uri())}">{html.escape(text)}</a>'
