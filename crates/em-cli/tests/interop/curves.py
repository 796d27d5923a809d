"""Compares what TensorBoard reads of a run with its history.csv.

usage: curves.py RUN
"""

import csv
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def tag_of(column: str) -> str:
    """The curve of a column of history.csv."""
    if column == "learning_rate":
        return column
    if column in ("seconds", "tiles_per_second"):
        return f"time/{column}"
    side, score = column.split("_", 1)
    side = {"train": "train", "val": "validation"}[side]
    score, _, name = score.partition("_")
    return f"{score}/{side}/{name}" if name else f"{score}/{side}"


def main() -> None:
    run = Path(sys.argv[1])
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    expected = {}
    for row in rows:
        for column, cell in row.items():
            if column != "epoch" and cell:
                expected.setdefault(tag_of(column), []).append((int(row["epoch"]), float(cell)))
    found = set(events.Tags()["scalars"])
    assert found == set(expected), f"curves {sorted(found ^ set(expected))} are on one side only"
    for tag, values in expected.items():
        scalars = events.Scalars(tag)
        assert [s.step for s in scalars] == [epoch for epoch, _ in values], f"{tag}: {scalars}"
        # history.csv has two digits of a time, and six of a score.
        tolerance = 0.006 if tag.startswith("time/") else 1e-6
        for scalar, (epoch, value) in zip(scalars, values):
            assert abs(scalar.value - value) < tolerance, f"{tag}, epoch {epoch}: {scalar.value}, {value}"
    times = [s.wall_time for s in events.Scalars("learning_rate")]
    assert times == sorted(times), f"times {times} go back"
    print(f"TensorBoard reads {len(found)} curves of {len(rows)} epochs")


main()
