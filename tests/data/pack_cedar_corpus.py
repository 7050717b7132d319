"""Makes cedar/corpus.ndjson.zst of the corpus-tests.tar.gz of Cedar's integration tests: a line for each case.

python3 pack_cedar_corpus.py corpus-tests.tar.gz | zstd -19 --long=27 > cedar/corpus.ndjson.zst
"""

import json
import sys
import tarfile
from pathlib import PurePath


def main() -> None:
    files = {}
    with tarfile.open(sys.argv[1]) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content:
                files[PurePath(member.name).name] = content.read().decode()
    for name in sorted(name.removesuffix(".cedar") for name in files if name.endswith(".cedar")):
        case = {
            "name": name,
            "schema": files[f"{name}.cedarschema"],
            "policies": files[f"{name}.cedar"],
            "entities": json.loads(files[f"{name}.entities.json"]),
            "requests": json.loads(files[f"{name}.json"])["requests"],
        }
        print(json.dumps(case, separators=(",", ":")))


main()
