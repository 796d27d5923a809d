"""Columns of equal length, which become a table of whichever library the user has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas
    import polars


class Table(Mapping[str, "npt.NDArray[Any]"]):
    """Columns as arrays, by their names; a measure that does not exist is NaN.

    >>> import em_cli as em, numpy as np
    >>> table = em.Table({"id": np.array([1, 2]), "voxels": np.array([40, 7])})
    >>> table["voxels"].sum()
    np.int64(47)
    >>> table[table["voxels"] > 10]["id"]
    array([1])
    """

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take columns of equal length."""
        self._columns = dict(columns)
        lengths = {len(column) for column in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of {sorted(lengths)} rows, expected equal lengths")
        self._rows = next(iter(lengths), 0)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self._columns)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._rows

    def __getitem__(self, key: Any) -> Any:
        """Return a column by its name, or the rows that a mask or integers pick as a table."""
        if isinstance(key, str):
            return self._columns[key]
        return Table({name: column[key] for name, column in self._columns.items()})

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the columns."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of columns, as a mapping of them has it."""
        return len(self._columns)

    def with_columns(self, **columns: npt.NDArray[Any]) -> Table:
        """Return a table with further columns."""
        return Table({**self._columns, **columns})

    def to_pandas(self) -> pandas.DataFrame:
        """Return a ``pandas.DataFrame``; pandas has to be installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("pandas is not installed\nhint: pip install pandas") from error
        return pandas.DataFrame(self._columns)

    def to_polars(self) -> polars.DataFrame:
        """Return a ``polars.DataFrame``, in which NaN is null; polars has to be installed."""
        try:
            import polars
        except ImportError as error:
            raise ImportError("polars is not installed\nhint: pip install polars") from error
        return polars.DataFrame(self._columns, nan_to_null=True)

    def __repr__(self) -> str:
        """Show the first rows of the first columns."""
        names, rows = self.columns[:6], min(self.rows, 10)
        lines = [["", *names]] + [[str(row), *(_shown(self[name][row]) for name in names)] for row in range(rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(names) + 1)]
        text = "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in lines)
        return f"{text}\n[{self.rows} rows x {len(self.columns)} columns: {', '.join(self.columns)}]"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)
