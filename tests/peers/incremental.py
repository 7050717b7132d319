#!/usr/bin/env python3
"""Measures a run in the mode `incremental` over files that an earlier run has seen, and one that is new.

    python3 tests/peers/incremental.py --sluice target/release/sluice [--rows N] [--files N] [--runs N]

The input is the lab's order lines in many CSV files. The first run makes all of the output, the second finds one
file more; runs of both kinds alternate, each a whole process, and figures are medians. What the second leaves is
compared with what a run over everything makes.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
APPLICATION = """
name = "incremental"
[inputs.sales]
uri = "in/"
format = "csv"
[[steps]]
name = "etl"
plugin = "{plugin}"
params = {{ min_amount = 10.0 }}
[output]
uri = "{output}"
mode = "{mode}"
"""


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="incremental-", dir=options.scratch) as scratch:
        folder = pathlib.Path(scratch)
        (folder / "in").mkdir()
        for number in range(options.files):
            write(folder, number, options.rows)
        first, second = [], []
        # The first pair warms caches, and does not count.
        for _ in range(options.runs + 1):
            (folder / f"in/{options.files:05}.csv").unlink(missing_ok=True)
            shutil.rmtree(folder / "out", ignore_errors=True)
            first.append(run(options, folder, "out", "incremental"))
            write(folder, options.files, options.rows)
            second.append(run(options, folder, "out", "incremental"))
        whole = run(options, folder, "whole", "overwrite")
        if rows(options, folder, "out") != rows(options, folder, "whole"):
            sys.exit(f"error: the outputs differ, of {whole:.3f} s")
    first, second = (statistics.median(times[1:]) for times in (first, second))
    figures = {"first": first, "second": second, "share": second / first}
    print(json.dumps(figures) if options.json else
          f"{options.files} files of {options.rows} rows: {first:.3f} s; one more: {second:.3f} s, "
          f"{100 * second / first:.1f} %")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", type=pathlib.Path, default=ROOT / "target/release/sluice")
    parser.add_argument("--rows", type=int, default=100_000, help="of each file")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each kind (default 5)")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "target",
                        help="where input and output go while it runs")
    parser.add_argument("--json", action="store_true", help="prints the figures as JSON")
    options = parser.parse_args()
    options.sluice = options.sluice.resolve()
    options.scratch.mkdir(parents=True, exist_ok=True)
    return options


def write(folder, number, rows):
    """Order lines whose numbers no other file has."""
    regions = ["APAC", "EMEA", "AMER", "LATAM"]
    first = number * rows
    lines = (f"{row},C{row * 7919 % 100_000:05},{row * 104_729 % 50_000 / 100},{regions[row % 4]}\n"
             for row in range(first, first + rows))
    with open(folder / f"in/{number:05}.csv", "w", encoding="utf-8") as file:
        file.write("order_id,customer_id,amount,region\n")
        file.writelines(lines)


def run(options, folder, output, mode):
    plugin = ROOT / "plugins/sales-etl/sales-etl.wasm"
    (folder / "app.toml").write_text(APPLICATION.format(plugin=plugin, output=output, mode=mode))
    begun = time.perf_counter()
    subprocess.run([options.sluice, "run", "app.toml", "--quiet"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def rows(options, folder, output):
    """How many rows the output has, by the marker of its last version."""
    return json.loads((folder / output / "_SUCCESS").read_text())["rows"]


if __name__ == "__main__":
    main()
