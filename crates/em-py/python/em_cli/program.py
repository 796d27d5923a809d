"""The program from Python: training, prediction and measurement, each in a child process.

Each function waits for the end, hands the program's events to ``on_event``, and raises :class:`ProgramError` with the
program's own message. Ctrl-C, an exception in ``on_event`` and ``cancel.set()`` from another thread end the program
after its step: what is whole is kept, and nothing half written stays.

>>> import em_cli as em
>>> def show(event):
...     if event["event"] == "stage":
...         print(event["done"], "of", event["of"])
>>> em.predict("stack.tif", model="mitochondria", output="mask.tif", on_event=show)    # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from ._arrays import as_size
from ._launch import PROGRAM_VARIABLE, NotReady, located
from ._process import Cancelled, Event, ProgramError, ProgramWarning, run_events
from ._volume import Path, Volume

__all__ = [
    "PROGRAM_VARIABLE",
    "Adapted",
    "Cancelled",
    "Event",
    "Measured",
    "NotReady",
    "PredictedFile",
    "ProgramError",
    "ProgramWarning",
    "Trained",
    "adapt",
    "measure",
    "predict",
    "print_event",
    "run",
    "suggest_config",
    "train",
]

_OnEvent = Callable[[Event], object]


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    report: str
    """The page of the run."""
    scores: dict[str, Any]
    """``scores.json`` of the run: thresholds, cleaning, and scores of validation and test."""


@dataclass(frozen=True)
class PredictedFile:
    """A file that a prediction wrote."""

    class_name: str
    kind: Literal["mask", "probabilities"]
    path: str
    threshold: float | None
    """Of a mask."""
    foreground: float
    """The share of voxels that are foreground, or the mean probability."""


@dataclass(frozen=True)
class Adapted:
    """What an adaptation came to."""

    run: str
    """The folder of the new run."""
    moved: list[dict[str, Any]]
    """How far the answers moved, class by class."""


@dataclass(frozen=True)
class Measured:
    """What a measurement came to."""

    folder: str
    """With ``objects.csv``, ``objects.parquet``, ``summary.json`` and the labels."""
    report: str
    """The page of the measurement."""
    classes: dict[str, dict[str, Any]]
    """Counts and measures of each class."""


def train(
    config: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    on_event: _OnEvent | None = None,
    cancel: threading.Event | None = None,
) -> Trained:
    """Train a network from a configuration.

    Args:
        config: A ``run.toml``, as ``em-cli config init`` writes it.
        settings: Keys that are set otherwise, as ``{"train.epochs": 5}``.
        resume: Whether to go on after the last epoch that the run has saved.
        overwrite: Whether to replace a run that is in the output folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        on_event: Is given each event of the program.
        cancel: Ends the training when it is set; whole epochs are kept.

    Raises:
        ProgramError: The training failed; :class:`Cancelled` where it was cancelled.
        NotReady: The program cannot be started, as without the right version of PyTorch.
    """
    arguments = ["train", *_options({"resume": resume, "overwrite": overwrite, "device": device})]
    done = run_events([*arguments, *_settings(settings), "--", os.fspath(config)], on_event, cancel)
    return Trained(done["report"], done["scores"])


def predict(
    volume: Path | Volume,
    *,
    model: Path | Sequence[Path],
    output: Path | None = None,
    probabilities: Path | None = None,
    class_name: str | None = None,
    threshold: float | None = None,
    views: Literal[1, 4, 8] | None = None,
    cleaning: bool = True,
    voxel_size_nm: npt.ArrayLike | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    on_event: _OnEvent | None = None,
    cancel: threading.Event | None = None,
) -> list[PredictedFile]:
    """Predict the masks of a volume, block by block.

    Args:
        volume: A file, a folder, an address, or a volume that :func:`em_cli.open` opened.
        model: The folder of a run or the name of a built-in network; of several, probabilities are averaged.
        output: Where to write the mask; several classes as ``{name}_{class}``.
        probabilities: Where to write the probabilities as bytes, 255 being 1.
        class_name: Only this class is written.
        threshold: The probability above which a voxel is foreground; the model's own if absent.
        views: The mirrored and turned views of each section that are averaged; the model's own if absent.
        cleaning: Whether masks are cleaned as validation chose.
        voxel_size_nm: ``[z, y, x]`` in nm, where the volume tells none or a wrong one.
        settings: Keys of prediction that are set otherwise, as ``{"predict.tile_size": 512}``.
        resume: Whether to go on with the same prediction that was interrupted.
        overwrite: Whether to replace what is at the output paths.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        on_event: Is given each event of the program.
        cancel: Ends the prediction when it is set; finished blocks are kept for ``resume``.

    Raises:
        ProgramError: The prediction failed; :class:`Cancelled` where it was cancelled.
        NotReady: The program cannot be started, as without the right version of PyTorch.
    """
    if output is None and probabilities is None:
        raise ValueError("neither `output` nor `probabilities` is given, expected a path for one of them")
    path, reading = _opened(volume, voxel_size_nm)
    models = [model] if isinstance(model, (str, os.PathLike)) else model
    options: dict[str, Any] = {
        **reading,
        "model": [os.fspath(each) for each in models],
        "output": output,
        "probabilities": probabilities,
        "class": class_name,
        "threshold": threshold,
        "views": views,
        "no-cleaning": not cleaning,
        "resume": resume,
        "overwrite": overwrite,
        "device": device,
    }
    done = run_events(["predict", *_options(options), *_settings(settings), "--", path], on_event, cancel)
    return [
        PredictedFile(file["class"], file["kind"], file["path"], file["threshold"], file["foreground"])
        for file in done["files"]
    ]


def adapt(
    model: Path,
    volume: Path | Volume,
    *,
    output: Path,
    voxel_size_nm: npt.ArrayLike | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    on_event: _OnEvent | None = None,
    cancel: threading.Event | None = None,
) -> Adapted:
    """Make a network suit a stack that nobody labelled.

    Args:
        model: The folder of a run or the name of a built-in network, which stays as it is.
        volume: The stack.
        output: The folder of the new run.
        voxel_size_nm: ``[z, y, x]`` in nm, where the stack tells none or a wrong one.
        settings: Keys of the training that are set otherwise.
        resume: Whether to go on after the last epoch that the new run has saved.
        overwrite: Whether to replace a run that is in the output folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        on_event: Is given each event of the program.
        cancel: Ends the training when it is set; whole epochs are kept.
    """
    path, reading = _opened(volume, voxel_size_nm)
    if set(reading) - {"voxel-size"}:
        raise ValueError("a channel, time or volume of the file was picked, which `adapt` cannot do: convert it first")
    options = {**reading, "output": output, "resume": resume, "overwrite": overwrite, "device": device}
    places = ["--", os.fspath(model), path]
    done = run_events(["adapt", *_options(options), *_settings(settings), *places], on_event, cancel)
    return Adapted(done["run"], done["moved"])


def measure(
    masks: Mapping[str, Path],
    *,
    output: Path,
    probabilities: Mapping[str, Path] | None = None,
    instances: bool = False,
    connectivity: Literal[6, 18, 26] = 26,
    flat: bool = False,
    fill_holes: bool = False,
    split_nm: float | None = None,
    min_voxels: int = 1,
    voxel_size_nm: npt.ArrayLike | None = None,
    overwrite: bool = False,
    on_event: _OnEvent | None = None,
    cancel: threading.Event | None = None,
) -> Measured:
    """Find the objects of masks and write tables, label volumes and a page; :mod:`em_cli.objects` returns arrays.

    Args:
        masks: The mask of each class, by its name.
        output: The folder of the results.
        probabilities: Probabilities of classes, for the mean of each object.
        instances: Whether the masks are label volumes, in which each value but 0 is one object.
        connectivity: Voxels that touch by a face (6), an edge (18) or a corner (26) are one object.
        flat: Whether objects end with their section.
        fill_holes: Whether background that the foreground encloses within a section is foreground, too.
        split_nm: Objects that touch are split where the neck is narrower by so many nm on each side.
        min_voxels: Objects of fewer voxels are left out.
        voxel_size_nm: ``[z, y, x]`` in nm, where the masks tell none or a wrong one.
        overwrite: Whether to replace the results that are in the folder.
        on_event: Is given each event of the program.
        cancel: Ends the measurement when it is set.
    """
    options: dict[str, Any] = {
        "output": output,
        "probabilities": [f"{name}={os.fspath(path)}" for name, path in (probabilities or {}).items()],
        "instances": instances,
        "connectivity": connectivity,
        "flat": flat,
        "fill-holes": fill_holes,
        "split": split_nm,
        "min-voxels": min_voxels,
        "voxel-size": _listed(as_size(voxel_size_nm)),
        "overwrite": overwrite,
    }
    named = [f"{name}={os.fspath(path)}" for name, path in masks.items()]
    done = run_events(["measure", *_options(options), "--", *named], on_event, cancel)
    return Measured(done["folder"], done["report"], done["classes"])


def run(
    command: str,
    *arguments: str | os.PathLike[str],
    on_event: _OnEvent | None = None,
    cancel: threading.Event | None = None,
) -> dict[str, Any]:
    """Run any command that has ``--json``, as ``run("tune", "runs/run")``, and return what it came to."""
    return run_events([command, *(os.fspath(argument) for argument in arguments)], on_event, cancel)


def suggest_config(data: Path, config: Path) -> None:
    """Write a configuration that suits a folder of training data, with its reasons, as ``config init --data`` does.

    Args:
        data: A folder with ``train.tif`` and ``train_CLASS.tif``, or these in another format, and perhaps
            ``train_regions.json``.
        config: The ``run.toml`` to write.
    """
    program, environment = located()
    words = [program, "config", "init", f"--data={os.fspath(data)}", "--", os.fspath(config)]
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
        raise ProgramError(said or f"the program ended with status {done.returncode}")


def print_event(event: Event) -> None:
    """Print how a work goes on: each epoch on a line, and how far a stage is on one that changes."""
    kind = event["event"]
    if kind == "epoch":
        validation = event.get("validation") or {}
        print(f"\repoch {event['epoch']}: loss {validation.get('loss')}, IoU {validation.get('iou')}", flush=True)
    elif kind in ("stage", "step"):
        done = event.get("done", event.get("tiles"))
        print(f"\r{done} of {event['of']} {event.get('unit', 'tiles')} ", end="", file=sys.stderr, flush=True)
    elif kind in ("note", "warning"):
        print(f"\r{kind}: {event['text']}", file=sys.stderr, flush=True)


def _opened(volume: Path | Volume, voxel_size_nm: npt.ArrayLike | None) -> tuple[str, dict[str, Any]]:
    """Return the path of a volume, and the options that read the same of it."""
    size = as_size(voxel_size_nm)
    if not isinstance(volume, Volume):
        return os.fspath(volume), {"voxel-size": _listed(size)} if size else {}
    (path, channel, time, number, invert), size_of_volume = volume.origin()
    turned = None if invert is None else "yes" if invert else "no"
    picked: dict[str, Any] = {
        "channel": channel,
        "time": time,
        "volume": number,
        "invert": turned,
        "voxel-size": _listed(size or size_of_volume),
    }
    return path, {name: value for name, value in picked.items() if value is not None}


def _listed(size: tuple[float, float, float] | None) -> str | None:
    return None if size is None else ",".join(map(repr, size))


def _options(options: Mapping[str, Any]) -> list[str]:
    """Write options as arguments; what is absent or not wanted is left out, and lists repeat an option."""
    words: list[str] = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is None or value is False:
            continue
        else:
            values = value if isinstance(value, list) else [value]
            words.extend(f"--{name}={os.fspath(v) if isinstance(v, os.PathLike) else v}" for v in values)
    return words


def _settings(settings: Mapping[str, Any] | None) -> list[str]:
    return [f"--set={key}={_toml(value)}" for key, value in (settings or {}).items()]


def _toml(value: Any) -> str:
    """Write a value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, (str, os.PathLike)):
        return json.dumps(os.fspath(value), ensure_ascii=False)
    # A number of NumPy is written as the number that it is.
    return repr(value.item() if hasattr(value, "item") else value)
