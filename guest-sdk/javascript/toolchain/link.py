"""Joins native kernels to a component that componentize-qjs made.

That tool composes two components: the interpreter, and a loader of modules that is only needed while it
builds. The second memory, and the adapter between the two, would cost every plugin; and a kernel in a component of
its own would have its columns copied twice. So the interpreter's component is taken out of the composition, and each of
the interfaces in `REPLACED`, which it imports, is answered by a core module that shares its memory: where the
component lowers an import, it takes the export of that module instead, whose signature is the lowered one.

Another trap: the tool stubs all imports of the world and then puts WASI of its own in the place of some stubs, so that those of
`wasi:http` no longer fit those of `wasi:io`, which they use. While it builds, HTTP uses packages that stand in for those of WASI;
here they get their names back, in a version that is compatible with that of the interpreter, as names are imported once.

Every index stays as it was but those of core instances, of which two are added.
"""

import re

PREAMBLE = b"\0asm\x0d\0\x01\0"
CUSTOM, CORE_MODULE, CORE_INSTANCE, COMPONENT, INSTANCE, ALIAS, CANON, IMPORT = 0, 1, 2, 4, 5, 6, 8, 10
SORT_CORE, SORT_FUNC, SORT_INSTANCE = 0, 1, 5
CORE_FUNC, CORE_MEMORY, CORE_SORT_INSTANCE = 0, 2, 0x12
# How many indices follow the first byte of a canonical option; LIFT and LOWER carry options.
OPTION_INDICES = {0: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1}
LIFT, LOWER = 0, 1

# Interfaces that the core module answers.
REPLACED = ("local:init/module-loader", "sluicegate:kernels/")
# The namespace of what stands in, and the versions there and of what it stands in for.
STAND_IN = "wasi-of-http:"
STOOD_IN_FOR = re.compile(r"\bwasi:(?=(io|clocks)\b)")
VERSIONS = ("@0.2.12", "@0.2.11")
# Any function without parameters that is still imported; it stands where a replaced one was.
PLACEHOLDER = ("sluicegate:transform/input@", b"rows")


class LinkError(Exception):
    """The component is not of the shape that the pinned tool makes."""


class Reader:
    """Bytes of a section, read from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def bytes(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length : self.at]


def number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    return number(len(value)) + value


def section(kind, *entries):
    body = entries[0] if kind in (CUSTOM, CORE_MODULE, COMPONENT) else number(len(entries)) + b"".join(entries)
    return bytes([kind]) + text(body)


def sections(component):
    if component[:8] != PREAMBLE:
        raise LinkError("it is no component")
    reader = Reader(component)
    reader.at = 8
    while reader.at < len(component):
        kind = reader.byte()
        yield kind, reader.bytes()


def interpreter(component):
    """The component of the interpreter: the largest of those inside."""
    inner = [body for kind, body in sections(component) if kind == COMPONENT]
    return max(inner, key=len) if inner else component


class Linker:
    def __init__(self, kernels):
        self.kernels = kernels
        self.out = [PREAMBLE]
        self.n_instances = self.n_funcs = self.n_modules = self.n_core_instances = 0
        self.memory = self.realloc = self.n_core_funcs = None
        self.placeholder = None
        # Component instances and functions that are replaced.
        self.instances, self.funcs = set(), {}
        # Where the added core instances stand; `None` before.
        self.added = None
        self.n_core_funcs = 0

    def link(self, component):
        handlers = {IMPORT: self.imports, ALIAS: self.aliases, CANON: self.canons, CORE_INSTANCE: self.core_instances}
        for kind, body in sections(component):
            if kind in handlers:
                reader = Reader(body)
                for _ in range(reader.number()):
                    start = reader.at
                    self.out.append(handlers[kind](reader, start))
                continue
            if kind == CUSTOM and Reader(body).bytes() == b"component-name":
                continue  # Its indices are of the old component.
            if kind == CORE_MODULE:
                self.n_modules += 1
            if kind == INSTANCE:
                self.n_instances += Reader(body).number()
            self.out.append(bytes([kind]) + text(body))
        if self.added is None:
            raise LinkError("it imports no interface that could be replaced")
        return b"".join(self.out)

    def imports(self, reader, start):
        kind = reader.byte()
        name = reader.bytes().decode()
        named = reader.at
        sort = reader.byte()
        if sort != SORT_INSTANCE:
            raise LinkError(f"it imports `{name}`, which is no interface")
        reader.number()
        index, self.n_instances = self.n_instances, self.n_instances + 1
        if name.startswith(PLACEHOLDER[0]):
            self.placeholder = index
        if name.startswith(REPLACED):
            self.instances.add(index)
            return section(INSTANCE, b"\1\0")
        if name.startswith(STAND_IN):
            name = name.replace(STAND_IN, "wasi:").replace(*VERSIONS)
        return section(IMPORT, bytes([kind]) + text(name.encode()) + reader.data[named : reader.at])

    def aliases(self, reader, start):
        sort = reader.byte()
        core = reader.byte() if sort == SORT_CORE else None
        target = reader.byte()
        owner = reader.number()
        if target == 2:
            reader.number()
        else:
            name = reader.bytes()
        entry = reader.data[start : reader.at]
        if target == 1:
            entry = bytes([sort, core, target]) + number(self.moved(owner)) + text(name)
            if core == CORE_MEMORY and name == b"memory":
                self.memory = self.count_core("memory")
            if core == CORE_FUNC:
                if name == b"cabi_realloc":
                    self.realloc = self.n_core_funcs
                self.n_core_funcs += 1
        if sort == SORT_INSTANCE:
            self.n_instances += 1
        if sort == SORT_FUNC:
            if target == 0 and owner in self.instances:
                self.funcs[self.n_funcs] = name
                entry = bytes([SORT_FUNC, 0]) + number(self.placeholder) + text(PLACEHOLDER[1])
            self.n_funcs += 1
        return section(ALIAS, entry)

    def count_core(self, what):
        if self.memory is not None:
            raise LinkError(f"it has more than one {what}")
        return 0

    def canons(self, reader, start):
        kind = reader.byte()
        if kind in (LIFT, LOWER):
            reader.byte()
            index = reader.number()
            for _ in range(reader.number()):
                for _ in range(OPTION_INDICES[reader.byte()]):
                    reader.number()
        if kind != LOWER:
            reader.number()
        if kind == LIFT:
            self.n_funcs += 1
        else:
            self.n_core_funcs += 1
        if kind == LOWER and index in self.funcs:
            before = b"" if self.added is not None else self.kernel_instance()
            alias = bytes([SORT_CORE, CORE_FUNC, 1]) + number(self.added + 1) + text(self.funcs[index])
            return before + section(ALIAS, alias)
        return section(CANON, reader.data[start : reader.at])

    def kernel_instance(self):
        """The core module with the memory and the allocator of the interpreter."""
        if self.memory is None or self.realloc is None:
            raise LinkError("it exports neither memory nor allocator")
        self.added = self.n_core_instances
        exports = (("memory", CORE_MEMORY, self.memory), ("realloc", CORE_FUNC, self.realloc))
        environment = b"\1" + number(2) + b"".join(
            text(name.encode()) + bytes([sort]) + number(index) for name, sort, index in exports
        )
        argument = text(b"env") + bytes([CORE_SORT_INSTANCE]) + number(self.added)
        instance = b"\0" + number(self.n_modules) + number(1) + argument
        self.n_modules += 1
        self.n_core_instances += 2
        return section(CORE_MODULE, self.kernels) + section(CORE_INSTANCE, environment, instance)

    def core_instances(self, reader, start):
        kind = reader.byte()
        if kind == 0:
            entry = b"\0" + number(reader.number())
            n_arguments = reader.number()
            entry += number(n_arguments)
            for _ in range(n_arguments):
                entry += text(reader.bytes()) + bytes([reader.byte()]) + number(self.moved(reader.number()))
        else:
            for _ in range(reader.number()):
                reader.bytes()
                reader.byte()
                reader.number()
            entry = reader.data[start : reader.at]
        self.n_core_instances += 1
        return section(CORE_INSTANCE, entry)

    def moved(self, core_instance):
        return core_instance + 2 if self.added is not None and core_instance >= self.added else core_instance


def with_stand_ins(wit):
    """A file of WIT as the tool needs it."""
    return STOOD_IN_FOR.sub(STAND_IN, wit)


def link(component, kernels):
    """The component in which `kernels`, a core module, answers the interfaces in `REPLACED`."""
    return Linker(kernels).link(interpreter(component))
