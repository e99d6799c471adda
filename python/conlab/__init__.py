"""Runs conlab's scenarios and reads its records.

Records are dictionaries, as in ``run.json``; :func:`table` turns them into columns that pandas, Polars and Arrow take.
"""

from __future__ import annotations

from conlab._program import ConlabError, Interrupted, Untrustworthy, call, program
from conlab._records import Record, Table, arrow, load, records, run, table

__all__ = [
    "ConlabError",
    "Interrupted",
    "Record",
    "Table",
    "Untrustworthy",
    "arrow",
    "call",
    "load",
    "program",
    "records",
    "run",
    "table",
]
