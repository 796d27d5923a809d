"""A table of objects, sorted by a click on a column, and linked to the labels that it is of."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QTableView


class TableModel(QAbstractTableModel):
    """Columns of a table with their numbers as users read them; the names of its methods are Qt's."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Take a table with the column ``id``."""
        super().__init__()
        self._table = table

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """Count the objects."""
        return 0 if parent.isValid() else len(self._table)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:
        """Count the columns."""
        return 0 if parent.isValid() else len(self._table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, numbers to the right."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        value = self._table.iat[index.row(), index.column()]
        if isinstance(value, (float, np.floating)):
            return "" if np.isnan(value) else f"{value:.4g}"
        return str(value)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return str(self._table.columns[section])
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        ids = self._table["id"].to_numpy()
        numbers = [int(ids[index.row()]) for index in before]
        is_rising = order == Qt.SortOrder.AscendingOrder
        self._table = self._table.sort_values(self._table.columns[column], ascending=is_rising, kind="stable")
        # The object that is picked stays so.
        after = [self.index(self.row_of(number) or 0, index.column()) for number, index in zip(numbers, before)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def object_of(self, row: int) -> pd.Series[Any]:
        """Return the measures of the object in a row."""
        return self._table.iloc[row]

    def row_of(self, number: int) -> int | None:
        """Return the row of an object."""
        rows = np.flatnonzero(self._table["id"].to_numpy() == number)
        return int(rows[0]) if len(rows) else None


class ObjectTable(QTableView):
    """The table: a picked row selects its object in the layer and moves the view there; a picked object, its row."""

    def __init__(self, viewer: napari.Viewer) -> None:
        """Begin without objects."""
        super().__init__()
        self._viewer = viewer
        self._layer: Any = None
        self._follows = False
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSortingEnabled(True)
        self.verticalHeader().hide()

    def show_objects(self, table: pd.DataFrame, layer: Any) -> None:
        """Show the objects of a labels layer, by their ``id`` and ``centroid_*`` in voxels."""
        self.forget()
        self._layer = layer
        self.setModel(TableModel(table))
        self.sortByColumn(list(table.columns).index("id"), Qt.SortOrder.AscendingOrder)
        self.resizeColumnsToContents()
        self.selectionModel().currentRowChanged.connect(self._go)
        layer.events.selected_label.connect(self._follow)
        layer.mouse_drag_callbacks.append(self._pick)

    def forget(self) -> None:
        """Let go of the layer."""
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._follow)
            self._layer.mouse_drag_callbacks.remove(self._pick)
            self._layer = None

    def _go(self, current: QModelIndex, _: QModelIndex) -> None:
        """Select the object of a row, and move there."""
        if self._follows or not current.isValid():
            return
        found = self.model().object_of(current.row())
        self._follows = True
        try:
            self._layer.selected_label = int(found["id"])
        finally:
            self._follows = False
        place = [found[f"centroid_{axis}"] for axis in "zyx"][-self._layer.ndim :]
        world = self._layer.data_to_world(place)
        dims = self._viewer.dims
        dims.set_point(range(dims.ndim - len(world), dims.ndim), world)
        whole = (*dims.point[: dims.ndim - len(world)], *world)
        self._viewer.camera.center = [whole[axis] for axis in dims.displayed]

    def _follow(self, event: Any = None) -> None:
        """Pick the row of the object that was selected in the layer."""
        row = self.model().row_of(self._layer.selected_label)
        if self._follows or row is None:
            return
        self._follows = True
        try:
            index = self.model().index(row, 0)
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.scrollTo(index)
        finally:
            self._follows = False

    def _pick(self, layer: Any, event: Any) -> None:
        """Select the object that was clicked on while nothing is painted."""
        if layer.mode != "pan_zoom":
            return
        value = layer.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
        )
        if value:
            layer.selected_label = int(value)
