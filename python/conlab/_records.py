"""Runs and records."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Union

from conlab._program import INTERRUPTED, UNTRUSTWORTHY, ConlabError, Interrupted, Untrustworthy, call, sentence

if TYPE_CHECKING:
    import pyarrow

#: A record, as in ``run.json``; its schema is published with conlab.
Record = Dict[str, Any]

#: Columns of equal length by name, as :func:`table` makes them.
Table = Dict[str, List[Any]]

#: Endings of a figure's name, and its unit.
UNITS = (("_ns", "ns"), ("_per_s", "1/s"), ("_bytes", "By"))


def run(
    scenario: Union[str, os.PathLike] = "agents",
    *,
    engine: Optional[str] = None,
    threads: Optional[int] = None,
    queue: Optional[str] = None,
    cache: Optional[str] = None,
    load: Optional[str] = None,
    cores: Optional[int] = None,
    tasks: Optional[int] = None,
    duration: Optional[str] = None,
    warmup: Optional[str] = None,
    seed: Optional[int] = None,
    rate: Optional[str] = None,
    clients: Optional[int] = None,
    calibration: Optional[Union[str, os.PathLike]] = None,
    set: Optional[Mapping[str, Any]] = None,
    out: Optional[Union[str, os.PathLike]] = None,
    check: bool = True,
) -> Record:
    """Runs a scenario once and returns its record.

    ``scenario`` is a built-in name or a file; the options are those of ``conlab run``, durations and rates as text
    (``"5ms"``, ``"200/s"``). ``set`` changes fields: ``{"lock.interpreter.interval": "0.5ms"}``. The record is stored under ``out``,
    and nowhere if that is left out.

    Raises :class:`Untrustworthy` where the figures cannot be trusted and :class:`Interrupted` where the run was interrupted, both
    with the record, unless ``check`` is false; :class:`ConlabError` where it cannot run.
    """
    words = ["run", os.fspath(scenario), "--json", "--progress", "none"]
    options = {
        "engine": engine,
        "threads": threads,
        "queue": queue,
        "cache": cache,
        "load": load,
        "cores": cores,
        "tasks": tasks,
        "duration": duration,
        "warmup": warmup,
        "seed": seed,
        "rate": rate,
        "clients": clients,
        "calibration": None if calibration is None else os.fspath(calibration),
    }
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    for path, value in (set or {}).items():
        words += ["--set", f"{path}={_written(value)}"]
    words += ["--no-save"] if out is None else ["--out", os.fspath(out)]
    code, text, err = call(words)
    record: Optional[Record] = json.loads(text) if text.strip() else None
    if check and code == UNTRUSTWORTHY:
        raise Untrustworthy(sentence(err), record)
    if record is None or check and code == INTERRUPTED:
        raise Interrupted(sentence(err) or "interrupted", record)
    return record


def _written(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def load(path: Union[str, os.PathLike]) -> Record:
    """The record in a folder of results, or in a ``run.json``.

    Raises :class:`ConlabError` where there is none.
    """
    place = Path(path)
    file = place / "run.json" if place.is_dir() else place
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConlabError(f"cannot read {file}: {error}", 1) from error
    if not isinstance(record, dict) or "actors" not in record:
        raise ConlabError(f"{file} is no record of a run: expected `actors` in it", 1)
    return record


def records(out: Union[str, os.PathLike] = "results") -> Iterator[Record]:
    """Every record under ``out``, the oldest first; what is no record is passed over."""
    for folder in sorted(Path(out).glob("*/run.json")):
        if not folder.parent.name.startswith("."):
            try:
                yield load(folder)
            except ConlabError:
                continue


def arrow(path: Union[str, os.PathLike] = "results") -> "pyarrow.Table":
    """Everything that is stored, as an Arrow table that pandas and Polars take without conversion; needs pyarrow.

    ``path`` is a table that the program wrote (``conlab sweep merge --out load.parquet``, ``conlab results --table records.arrow``), or a
    folder of results, of which the program makes one: a row for anything that a record says, with nothing rounded.

    Raises :class:`ConlabError` where it cannot be read.
    """
    import pyarrow.feather
    import pyarrow.parquet

    place = Path(path)
    if not place.is_dir():
        read = pyarrow.feather.read_table if place.suffix == ".arrow" else pyarrow.parquet.read_table
        try:
            return read(place)
        except (OSError, ValueError) as error:
            raise ConlabError(f"cannot read {place}: {error}", 1) from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "records.parquet")
        call(["results", "--out", os.fspath(place), "--table", os.fspath(file)])
        return pyarrow.parquet.read_table(file, memory_map=False)


def table(of: Iterable[Record]) -> Table:
    """The numbers of records as columns: a row for each.

    ``record`` counts the records from 0; ``scenario``, ``engine``, ``threads``, ``queue``, ``cache``, ``load``, ``cores`` and ``seed`` tell
    them apart; ``section`` is ``actors``, ``locks`` and so on, ``item`` which of them, ``figure`` the path to the number, and ``unit``
    ``ns``, ``1/s``, ``By`` or ``1``. Whole numbers stay whole: ``value`` has them as floats and ``count`` exactly, or ``None``.

    ``pandas.DataFrame(...)``, ``polars.DataFrame(...)`` and ``pyarrow.table(...)`` take it as it is.
    """
    columns: Table = {name: [] for name in _COLUMNS}
    for number, record in enumerate(of):
        treatment = record.get("treatment", {})
        known = {name: treatment.get(name) for name in ("threads", "queue", "cache", "load", "cores")}
        known.update(
            record=number,
            scenario=record.get("scenario", {}).get("name"),
            engine=record.get("engine"),
            seed=record.get("seed"),
        )
        for section in _SECTIONS:
            for item, figures in _items(record.get(section)):
                for figure, value in _numbers(figures, ()):
                    row = dict(known, section=section, item=item, figure=figure, unit=_unit(figure))
                    row["value"] = float(value)
                    row["count"] = value if isinstance(value, int) else None
                    for name, column in columns.items():
                        column.append(row[name])
    return columns


_COLUMNS = (
    "record scenario engine threads queue cache load cores seed section item figure unit value count".split()
)

#: What of a record is figures by item.
_SECTIONS = ("actors", "locks", "pools", "caches", "stores", "batches", "events", "window", "little")


def _items(section: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(section, dict):
        return
    if all(isinstance(value, dict) for value in section.values()):
        yield from section.items()
    else:
        yield "", section


def _numbers(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Union[int, float]]]:
    """Numbers below a value, and where; lists are no figures (spectra, the slowest tasks)."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield "/".join(path), value
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _numbers(below, (*path, name))


def _unit(figure: str) -> str:
    parts = figure.split("/")
    if parts[-1] in ("count", "n"):
        return "1"
    for part in reversed(parts):
        for ending, unit in UNITS:
            if part.endswith(ending):
                return unit
    return "1"
