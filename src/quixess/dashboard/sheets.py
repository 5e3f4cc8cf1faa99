"""Lists as CSV files (RFC 4180), for spreadsheets. No cell can be a formula, whoever wrote what is in it."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from starlette.responses import Response

from quixess.dashboard.rendering import iso

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBERS = (int, float)


def sheet(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Answer with a CSV file called `name`. Times become RFC 3339, None an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store, private"}
    # With a byte order mark, without which Excel reads UTF-8 as something else.
    return Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


def cell(value: object) -> object:
    """Write a value so that a spreadsheet shows it and computes nothing: what could be a formula begins with '."""
    if value is None or isinstance(value, bool) or not isinstance(value, (str, datetime, *_NUMBERS)):
        return "" if value is None else cell(str(value))
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str) and (value.startswith(_FORMULAS) or value.lstrip().startswith(_FORMULAS)):
        return f"'{value}"
    return value
