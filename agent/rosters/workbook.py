"""An xlsx to tables, a sheet each. openpyxl is loaded here alone, in the reading process."""

from __future__ import annotations

import io
import warnings
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

from agent.rosters.model import (
    MAX_COLUMNS,
    MAX_FILES,
    MAX_ROWS,
    MAX_UNPACKED_BYTES,
    Problems,
    Unreadable,
)
from agent.rosters.tables import Table, clean

MAX_SHEETS = 60
EXACT = 10**15
"""Excel keeps 15 digits of a number; of longer ones it has made the rest up."""


def read_workbook(data: bytes, file: str, problems: Problems) -> list[Table]:
    """The sheets that hold anything.

    Raises:
        Unreadable: it is no workbook, or larger than any roster.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [one.filename for one in archive.infolist()]
            unpacked_bytes = sum(one.file_size for one in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Unreadable(file, "xlsx_damaged", "save it again as xlsx") from error
    if (
        len(parts) > MAX_FILES
        or len(set(parts)) < len(parts)
        or unpacked_bytes > MAX_UNPACKED_BYTES
    ):
        raise Unreadable(file, "zip_too_large", "send a workbook with the list alone")
    import openpyxl  # noqa: PLC0415 (heavy, and only for workbooks)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that nobody needs here
        try:
            values = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            formulas = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
            names = values.sheetnames[:MAX_SHEETS]
            return [
                table
                for name in names
                if (table := _sheet(file, name, values[name], formulas[name], problems)).rows
            ]
        except Unreadable:
            raise
        except MemoryError:
            raise
        except Exception as error:  # the fence around a library that reads what anybody sent
            raise Unreadable(file, "xlsx_damaged", "save it again as xlsx, or as CSV") from error


def _sheet(file: str, name: str, values: Any, formulas: Any, problems: Problems) -> Table:
    where = f"{file} · {name}"
    table = Table(where)
    if not hasattr(values, "iter_rows"):  # a sheet that is a chart
        return table
    for sheet in (values, formulas):
        sheet.reset_dimensions()  # what the file says of its size may be anything
    bounds = {"max_col": MAX_COLUMNS, "max_row": MAX_ROWS}
    both = zip(values.iter_rows(**bounds), formulas.iter_rows(**bounds), strict=True)
    for line, (row, written) in enumerate(both, start=1):
        cells = []
        for cell, source in zip(row, written, strict=False):
            text, code = _cell(cell, source)
            if code:
                problems.add(where, line, code, _HINTS[code], note=code == "cell_date")
            cells.append(text)
        if any(cells):
            table.rows.append((line, cells))
    return table


_HINTS = {
    "cell_formula": "a formula without a result; save the workbook in Excel, or put the value",
    "cell_error": "the cell shows an error; put the value",
    "cell_rounded": "Excel has rounded a long number; make the column text and put it again",
    "cell_date": "Excel has made a date of this cell; is it what was typed?",
}


def _cell(cell: Any, source: Any) -> tuple[str, str]:
    """A cell's text, and what is the matter with it."""
    value = cell.value
    if value is None:
        return "", "cell_formula" if getattr(source, "data_type", "") == "f" else ""
    if cell.data_type == "e":
        return "", "cell_error"
    if isinstance(value, datetime | date | time | timedelta):
        day = value.isoformat() if not isinstance(value, timedelta) else str(value)
        # With dots, so that it passes for no number of a student, keypad or card.
        return day.removesuffix("T00:00:00").replace("-", "."), "cell_date"
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float):
        whole = int(value) if value == value and abs(value) != float("inf") else 0  # noqa: PLR0124
        if whole != value:
            return repr(value), ""
        if abs(whole) >= EXACT:
            return "", "cell_rounded"
        shape = str(cell.number_format or "")
        text = str(whole)
        return (text.zfill(len(shape)) if shape and set(shape) == {"0"} else text), ""
    return clean(str(value)), ""
