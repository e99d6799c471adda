"""The module over the program that CONLAB_PROGRAM names, or that is installed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import conlab

QUICK = dict(engine="virtual", tasks=200, warmup="0s", calibration="builtin")

DEADLOCK = """
schema = 1
name = "deadlock"
[run]
duration = "300ms"
warmup = "0s"
engine = "virtual"
[lock.a]
[lock.b]
[actor.x]
focus = true
load = { clients = 1 }
steps = [{ name = "s", lock = "a", io = "2ms", call = "bee" }]
[actor.y]
load = { clients = 1 }
steps = [{ name = "s", lock = "b", io = "2ms", call = "cee" }]
[actor.bee]
steps = [{ name = "t", lock = "b", compute = "100us" }]
[actor.cee]
steps = [{ name = "t", lock = "a", compute = "100us" }]
"""


def test_a_run_is_its_record():
    record = conlab.run("agents", threads=4, queue="lockfree", seed=7, **QUICK)
    assert record["treatment"]["threads"] == 4 and record["treatment"]["queue"] == "lockfree"
    assert record["seed"] == 7 and record["engine"] == "virtual"
    agents = record["actors"]["agents"]
    assert agents["completed"] >= 200
    assert agents["sojourn_ns"]["p99"] >= agents["sojourn_ns"]["p50"] > 0


def test_the_same_seed_gives_the_same_run_and_set_changes_it():
    def one(**more):
        return conlab.run("agents", seed=3, **QUICK, **more)

    plain, again = one(), one()
    assert plain["digest"] == again["digest"] and plain["actors"] == again["actors"]
    other = one(set={"actor.agents.steps.plan.compute": "3ms", "lock.interpreter.interval": "0.5ms"})
    assert other["actors"] != plain["actors"]
    spare = one(set={"run.replicates": 1, 'actor.agents.under': ""})
    assert spare["actors"] != plain["actors"]


def test_a_stored_record_is_loaded_as_it_was_returned(tmp_path):
    record = conlab.run("agents", out=tmp_path, **QUICK)
    [folder] = tmp_path.iterdir()
    assert conlab.load(folder) == conlab.load(folder / "run.json") == record
    assert list(conlab.records(tmp_path)) == [record]


def test_mistakes_are_the_programs_sentences(tmp_path):
    with pytest.raises(conlab.ConlabError, match="did you mean `agents`") as caught:
        conlab.run("agent", **QUICK)
    assert caught.value.code == 2
    with pytest.raises(conlab.ConlabError, match="cannot read"):
        conlab.load(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(conlab.ConlabError, match="is no record"):
        conlab.load(tmp_path)
    assert list(conlab.records(tmp_path / "nowhere")) == []


def test_what_cannot_be_trusted_is_raised_with_its_record(tmp_path):
    file = tmp_path / "deadlock.toml"
    file.write_text(DEADLOCK)
    with pytest.raises(conlab.Untrustworthy, match="deadlock") as caught:
        conlab.run(file)
    assert caught.value.record["verdicts"][0]["kind"] == "deadlock"
    assert conlab.run(file, check=False)["trustworthy"] is False


def test_a_table_has_every_number_with_its_unit():
    records = [conlab.run("agents", seed=seed, **QUICK) for seed in (1, 2)]
    table = conlab.table(records)
    assert len({len(column) for column in table.values()}) == 1
    rows = [dict(zip(table, row)) for row in zip(*table.values())]
    where = dict(record=1, section="actors", item="agents")

    def row(figure):
        [one] = [row for row in rows if row["figure"] == figure and where.items() <= row.items()]
        return one

    agents = records[1]["actors"]["agents"]
    assert row("sojourn_ns/p99")["count"] == agents["sojourn_ns"]["p99"]
    assert row("sojourn_ns/p99")["unit"] == "ns" and row("sojourn_ns/count")["unit"] == "1"
    assert row("throughput_per_s")["value"] == agents["throughput_per_s"]
    assert row("throughput_per_s")["unit"] == "1/s"
    assert {row["item"] for row in rows if row["section"] == "locks"} == set(records[0]["locks"])


def test_pandas_and_polars_take_a_table():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    records = [conlab.run("agents", seed=seed, threads=n, **QUICK) for n in (2, 4) for seed in (1, 2)]
    table = conlab.table(records)
    frame = pandas.DataFrame(table)
    p99 = frame[(frame["item"] == "agents") & (frame["figure"] == "sojourn_ns/p99")]
    by_threads = p99.groupby("threads")["value"].mean()
    other = polars.DataFrame(table).filter(
        (polars.col("item") == "agents") & (polars.col("figure") == "sojourn_ns/p99")
    )
    means = other.group_by("threads").agg(polars.col("value").mean()).sort("threads")
    assert list(by_threads.index) == means["threads"].to_list() == [2, 4]
    assert list(by_threads) == pytest.approx(means["value"].to_list())


def test_stored_records_are_an_arrow_table(tmp_path):
    pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    record = conlab.run("agents", out=tmp_path / "results", **QUICK)
    table = conlab.arrow(tmp_path / "results")
    assert table.schema.field("value").type == "double"
    frame = polars.from_arrow(table)
    p99 = frame.filter((polars.col("item") == "agents") & (polars.col("figure") == "sojourn_ns/p99"))
    assert p99["value"].to_list() == [record["actors"]["agents"]["sojourn_ns"]["p99"]]
    with pytest.raises(conlab.ConlabError, match="cannot read"):
        conlab.arrow(tmp_path / "nothing.parquet")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_the_program_and_keeps_what_it_measured(tmp_path):
    code = """
        import conlab, sys
        try:
            conlab.run("agents", engine="real", duration="1h", warmup="0s", out=sys.argv[1])
        except conlab.Interrupted as interrupted:
            print("kept", interrupted.record["partial"], interrupted.record["actors"]["agents"]["completed"] > 0)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env=dict(os.environ, CONLAB_PROGRAM=conlab.program()),
    )
    # Its draft appears when the run begins; some tasks are done a moment later.
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[0].split() == ["kept", "True", "True"]


def test_a_program_that_is_not_there_is_said_so(monkeypatch, tmp_path):
    monkeypatch.delenv("CONLAB_PROGRAM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(conlab.ConlabError, match="CONLAB_PROGRAM"):
        conlab.run("agents", **QUICK)
