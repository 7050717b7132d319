"""What the scripts `LANGUAGE/check` have in common: they check an SDK, its examples, its templates and its README."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

#: The example in a README is whole, and shorter than this, so that it is read at once.
README_LINES = 40


def main(script, fence, source, tests=True, more=()):
    """Checks the SDK of the script `check`, and ends the process where something is wrong.

    `fence` names the language of the README's blocks of code; the first of them stands for `source` in the example `sales-etl`,
    and those after it for `more`: files of examples, by their paths.
    `tests` says whether `build --test` runs the tests of the SDK itself.
    """
    sdk = Path(script).resolve().parent
    with tempfile.TemporaryDirectory(prefix="sluice-check-") as scratch:
        examples = sorted((sdk / "examples").iterdir())
        projects = [*examples, *instances(sdk / "template", Path(scratch)), shown(sdk, fence, source, Path(scratch))]
        for number, path in enumerate(more, 1):
            check_shown(sdk, fence, number, sdk / "examples" / path)
        build(sdk, "--fmt", "--check", *projects)
        build(sdk, "--lint", *projects)
        build(sdk, "--test", *([sdk] if tests else []), *projects)


def build(sdk, *arguments):
    print("build", *arguments[:2], "…", file=sys.stderr, flush=True)
    if subprocess.run([sdk / "build", *arguments]).returncode:
        sys.exit(1)


def instances(template, scratch):
    """A project of each template, with a name."""
    templates = [template] if (template / "plugin.toml").is_file() else sorted(template.iterdir())
    for folder in templates:
        project = scratch / f"my-{folder.name}"
        shutil.copytree(folder, project, ignore=shutil.ignore_patterns("*.wasm", "__pycache__"))
        for path in project.rglob("*"):
            if path.is_file():
                path.write_text(path.read_text(encoding="utf-8").replace("{{name}}", project.name), encoding="utf-8")
        yield project


def shown(sdk, fence, source, scratch):
    """The example `sales-etl` with what the README shows in the place of its source."""
    example = sdk / "examples" / "sales-etl"
    text = check_shown(sdk, fence, 0, example / source)
    if text.count("\n") >= README_LINES:
        sys.exit(f"error: the README of `{sdk}` shows {README_LINES} lines or more")
    project = scratch / "readme"
    shutil.copytree(example, project, ignore=shutil.ignore_patterns("*.wasm", "__pycache__"))
    (project / source).write_text(text, encoding="utf-8")
    return project


def check_shown(sdk, fence, number, path):
    """The README's block of this number, which is a part of a file."""
    blocks = re.findall(rf"```{fence}\n(.*?)```", (sdk / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    if number >= len(blocks) or blocks[number] not in path.read_text(encoding="utf-8"):
        sys.exit(f"error: block {number} in {fence} of the README of `{sdk}` does not show `{path}`")
    return blocks[number]
