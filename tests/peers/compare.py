#!/usr/bin/env python3
"""Runs the lab in Sluicegate and in other engines, each as a whole process, and compares.

    cargo xtask bench
    python3 tests/peers/compare.py --sluice target/release/sluice [--rows N] [--runs N] [--skip pyspark]

Every engine does the same: read a CSV of order lines with inferred types, keep amounts of ten and
more, add a bucket, write Parquet with snappy. The runs of the engines alternate, the first of each is
a warm-up that does not count, and every output is checked against the others. Figures are medians.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGES = ["duckdb", "polars", "datafusion", "pyspark", "pyarrow", "pandas"]
PEERS = ["polars", "duckdb", "datafusion", "pyspark", "pyspark_arrow"]
OURS = "sluice"
CHECK = """
import duckdb, sys
print(duckdb.sql(f'''select count(*), bit_xor(hash(order_id::bigint, customer_id::varchar,
    round(amount * 100)::bigint, region::varchar, amount_bucket::varchar))
    from read_parquet('{sys.argv[1]}')''').fetchall()[0])
"""


def main():
    options = arguments()
    python = environment(options.venv)
    peers = available(options.skip)
    results = []
    with tempfile.TemporaryDirectory(prefix="peers-", dir=options.scratch) as scratch:
        for rows, cores in cases(options):
            job = Job(options, pathlib.Path(scratch), rows, cores, python)
            figures = job.compare([OURS, *peers])
            results.append({"rows": rows, "cores": cores, "engines": figures})
            show(rows, cores, figures)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if any(not figure["same"] for result in results for figure in result["engines"].values()):
        sys.exit("error: the outputs differ, see above")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "target/release/sluice")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each engine (default 5)")
    parser.add_argument("--skip", action="append", default=[], metavar="PEER",
                        help=f"one of {', '.join(PEERS)}; `pyspark` skips both; may be repeated")
    parser.add_argument("--only-large", action="store_true", help="neither five rows nor one core")
    parser.add_argument("--venv", type=pathlib.Path, help="where the peers are installed")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "target",
                        help="where inputs and outputs go while it runs")
    parser.add_argument("--json", type=pathlib.Path, help="also writes the figures there")
    options = parser.parse_args()
    options.sluice = options.sluice.resolve()
    options.venv = options.venv or options.sluice.parent.parent / "peers-venv"
    if not options.sluice.is_file():
        sys.exit(f"error: {options.sluice} is missing\n"
                 "hint: cargo build --release --workspace --bins, or name it with --sluice")
    if not plugin().is_file():
        sys.exit(f"error: {plugin()} is missing\nhint: cargo xtask guests")
    options.scratch.mkdir(parents=True, exist_ok=True)
    return options


def plugin():
    return ROOT / "plugins/sales-etl/sales-etl.wasm"


def environment(folder):
    """A Python with all peers, made at the first time."""
    python = folder / "bin/python"
    if not python.is_file():
        print(f"making an environment with {', '.join(PACKAGES)} in {folder}")
        if subprocess.run([sys.executable, "-m", "venv", folder]).returncode != 0:
            sys.exit("error: this Python has no venv\nhint: on Debian: apt-get install python3-venv")
    have = subprocess.run([python, "-c", f"import {', '.join(PACKAGES)}"], capture_output=True)
    if have.returncode != 0:
        pip = [python, "-m", "pip", "install", "--quiet", *PACKAGES]
        if subprocess.run(pip).returncode != 0:
            sys.exit("error: pip could not install the peers\nhint: check the package index")
    return python


def available(skip):
    unknown = set(skip) - set(PEERS)
    if unknown:
        sys.exit(f"error: no peer {', '.join(sorted(unknown))}\nhint: the peers are {', '.join(PEERS)}")
    peers = [peer for peer in PEERS if not any(peer.startswith(name) for name in skip)]
    if any("spark" in peer for peer in peers) and not shutil.which("java"):
        print("*** SKIPPED: pyspark, for there is no java. On Debian: apt-get install default-jre-headless ***")
        peers = [peer for peer in peers if "spark" not in peer]
    return peers


def cases(options):
    available_cores = len(os.sched_getaffinity(0))
    cores = min(2, available_cores)
    if options.only_large:
        return [(options.rows, cores)]
    alone = [(options.rows, 1)] if cores > 1 else []
    return [(options.rows, cores), *alone, (5, cores)]


class Job:
    """One input on so many cores."""

    def __init__(self, options, scratch, rows, cores, python):
        self.runs, self.sluice, self.python = options.runs, options.sluice, python
        self.folder = scratch / f"{rows}-{cores}"
        self.folder.mkdir()
        self.input = scratch / f"sales-{rows}.csv"
        if not self.input.is_file():
            write_sales(self.input, rows)
        self.pin = ["taskset", "--cpu-list", ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[:cores])]
        if not shutil.which("taskset"):
            print("*** taskset is missing: all cores are used in every case ***")
            self.pin = []
        shutil.copy(plugin(), self.folder / "sales-etl.wasm")

    def compare(self, engines):
        samples = {engine: [] for engine in engines}
        checks = {}
        for turn in range(self.runs + 1):
            for engine in engines:
                sample, output = self.run(engine)
                if turn == 0:
                    checks[engine] = self.check(output)
                else:
                    samples[engine].append(sample)
                remove(output)
        reference = checks[engines[0]]
        return {
            engine: {
                "seconds": statistics.median(s["seconds"] for s in taken),
                "seconds_min": min(s["seconds"] for s in taken),
                "cpu_seconds": statistics.median(s["cpu_seconds"] for s in taken),
                "peak_rss_mib": max(s["peak_rss_mib"] for s in taken),
                "check": checks[engine],
                "same": checks[engine] == reference,
            }
            for engine, taken in samples.items()
        }

    def run(self, engine):
        output = self.folder / ("sluice" if engine == OURS else f"{engine}.parquet")
        if engine == OURS:
            application = self.folder / "application.toml"
            application.write_text(APPLICATION.format(input=self.input, output=output))
            command = [self.sluice, "run", "--quiet", application]
        else:
            command = [self.python, HERE / f"peer_{engine}.py", self.input, output]
        log = self.folder / f"{engine}.log"
        with open(log, "w") as out:
            started = time.perf_counter()
            child = subprocess.Popen([*self.pin, *command], stdout=out, stderr=out)
            # wait4 and not wait: it also tells what the process used.
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
        if status != 0:
            sys.exit(f"error: {engine} failed:\n{log.read_text()[-4000:]}")
        return {
            "seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_rss_mib": usage.ru_maxrss / 1024,
        }, output

    def check(self, output):
        files = f"{output}/**/*.parquet" if output.is_dir() else output
        done = subprocess.run([self.python, "-c", CHECK, files], capture_output=True, text=True)
        return done.stdout.strip() or done.stderr.strip()


APPLICATION = """\
name = "lab"

[inputs.sales]
uri = "{input}"

[[steps]]
name = "etl"
plugin = "sales-etl.wasm"
params = {{ min_amount = 10.0 }}

[output]
uri = "{output}"
format = "parquet"
compression = "snappy"
mode = "overwrite"
"""


def write_sales(file, rows):
    if rows == 5:
        shutil.copy(ROOT / "tests/data/sales.csv", file)
        return
    subprocess.run(["cargo", "xtask", "data", "sales", str(rows)], check=True, cwd=ROOT)
    shutil.move(ROOT / f"target/data/sales-{rows}.csv", file)


def remove(output):
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)


def show(rows, cores, figures):
    print(f"\n{rows:,} rows, {cores} core{'s' if cores > 1 else ''}")
    print(f"{'engine':<14} {'median s':>9} {'min s':>8} {'CPU s':>8} {'peak MiB':>9} {'theirs/ours':>12}  output")
    ours = figures[OURS]["seconds"]
    for engine, figure in figures.items():
        verdict = "same" if figure["same"] else f"DIFFERS: {figure['check']}"
        print(f"{engine:<14} {figure['seconds']:>9.3f} {figure['seconds_min']:>8.3f} "
              f"{figure['cpu_seconds']:>8.2f} {figure['peak_rss_mib']:>9.0f} "
              f"{figure['seconds'] / ours:>12.2f}  {verdict}")


if __name__ == "__main__":
    main()
