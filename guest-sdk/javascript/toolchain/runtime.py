"""A runtime of QuickJS that asks for neither time nor randomness while a component is built.

componentize-qjs starts the interpreter and stores its memory in the component, and with it a seed for hash tables, a seed
for `Math.random` and the time: no two builds would give the same bytes. So the runtime is taken out of the tool, and its
calls for these are replaced by nothing, in the same number of bytes; what they would have written stays as it was. In the
finished component the calls stand again.
"""

import re

MAGIC = b"\0asm\x01\0\0\0"
IMPORT, LAST_SECTION = 2, 13
# The sort of an import, and how many numbers describe it: a function, a global; tables and memories have limits.
FUNC, TABLE, MEMORY, GLOBAL, TAG = range(5)

DROP, NOP, I64_ZERO, CALL = b"\x1a", b"\x01", b"\x42\0", b"\x10"
# Each import, what surrounds its only call, and what replaces it. Two bytes stand for two.
CALLS = (
    # global.set 0, local.get 0, call, local.get 0, i64.load
    (b"wasi:random/insecure-seed@", b"insecure-seed", rb"\x24\0\x20\0", rb"\x20\0\x29", DROP + NOP),
    # i32.const 0, local.set 1, call, local.set 3, local.get 0, i32.const 0, i32.store
    (b"wasi:clocks/monotonic-clock@", b"now", rb"\x41\0\x21\x01", rb"\x21\x03\x20\0\x41\0\x36", I64_ZERO),
    # global.set 0, local.get 1, call, local.get 0, i32.const 0, i32.store
    (b"wasi:clocks/wall-clock@", b"now", rb"\x24\0\x20\x01", rb"\x20\0\x41\0\x36", DROP + NOP),
)
# Bytes on both sides of a call by which it is found again.
CONTEXT = 24


class RuntimeChanged(Exception):
    """The tool holds no runtime of the shape that is known."""


def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sections(data, at):
    """Kind, start and end of each section of the module at `at`."""
    at += len(MAGIC)
    while at < len(data) and data[at] <= LAST_SECTION and not data.startswith(MAGIC, at):
        kind = data[at]
        size, start = number(data, at + 1)
        if not size or start + size > len(data):
            return
        at = start + size
        yield kind, start, at


def modules(data):
    for match in re.finditer(re.escape(MAGIC), data):
        end = max((end for _, _, end in sections(data, match.start())), default=match.end())
        yield data[match.start() : end]


def runtime(tool):
    """The runtime without async that is optimised for speed: the largest of those without tasks."""
    found = [module for module in modules(tool) if b"dylink.0" in module[:32] and CALLS[0][0] in module and b"[task" not in module]
    if not found:
        raise RuntimeChanged("no runtime")
    return max(found, key=len)


def function_imports(module):
    """Module and name of each imported function, in order."""
    start = next((start for kind, start, _ in sections(module, 0) if kind == IMPORT), None)
    if start is None:
        raise RuntimeChanged("no imports")
    count, at = number(module, start)
    for _ in range(count):
        names = []
        for _ in range(2):
            size, at = number(module, at)
            names.append(module[at : at + size])
            at += size
        sort, at = module[at], at + 1
        if sort == FUNC:
            yield tuple(names)
            _, at = number(module, at)
        elif sort in (TABLE, MEMORY):
            at += sort == TABLE
            flags, at = number(module, at)
            for _ in range(1 + (flags & 1)):
                _, at = number(module, at)
        else:
            at += 1
            _, at = number(module, at)


def still(tool):
    """A runtime that asks for nothing, and what `restored` needs to know."""
    module = runtime(tool)
    functions = list(function_imports(module))
    changes = []
    for interface, name, before, after, instead in CALLS:
        index = next((i for i, (of, what) in enumerate(functions) if of.startswith(interface) and what == name), 128)
        call = CALL + bytes([index])
        found = [match.end(1) for match in re.finditer(b"(" + before + b")" + re.escape(call) + after, module)] if index < 128 else []
        if len(found) != 1:
            raise RuntimeChanged(f"{len(found)} calls of {name.decode()}")
        start, end = found[0], found[0] + len(call)
        around = module[start - CONTEXT : start], module[end : end + CONTEXT]
        module = module[:start] + instead + module[end:]
        changes.append((around, call, instead))
    return module, changes


def restored(component, changes):
    """The component with the calls where they were."""
    for (before, after), call, instead in changes:
        if component.count(before + instead + after) != 1:
            raise RuntimeChanged("a call cannot be found again")
        component = component.replace(before + instead + after, before + call + after)
    return component
