"""Hashes, redacts or truncates columns, irreversibly; the masked column stands in the place of the original."""

from hashlib import sha256

from sluicegate import Invalid, Transform, export, integers, required, text, utf8

#: A shorter key could be found by trying all.
KEY_BYTES_MIN = 16
#: Fewer digits would give two values the same hash too often.
DIGITS_MIN, DIGITS_MAX = 16, 64
#: Bytes of a block of SHA-256.
BLOCK = 64


@export
class Mask(Transform):
    """Masks the columns that its parameters name."""

    class Params:
        #: Columns of text or integers to replace by a keyed hash.
        hash: list[str] = []
        #: Columns of any type to replace by `redaction`; they never enter the sandbox.
        redact: list[str] = []
        #: Columns of text to cut after `keep` characters.
        truncate: list[str] = []
        #: The key of the hash, at least 16 bytes.
        key: str = ""
        #: How many hexadecimal digits of the hash to keep, 16 to 64.
        digits: int = 64
        #: What stands in a redacted column.
        redaction: str = "***"
        #: How many characters a truncated column keeps.
        keep: int = 1

    def bind(self, plan, params):
        plan.pass_all().stateless()
        self.params, self.masks = params, []
        for name in params.hash:
            field = plan.field(name)
            plan.read(name, integers if field.type.is_integer else text)
            plan.replace(name, utf8, field.nullable)
            self.masks.append((self.hashed, name))
        for name in params.truncate:
            plan.read(name, text)
            plan.replace(name, utf8, plan.field(name).nullable)
            self.masks.append((self.truncated, name))
        for name in params.redact:
            plan.field(name)
            plan.replace(name, required(utf8))
            self.masks.append((self.redacted, name))
        if not self.masks:
            raise Invalid("no column to mask; set `hash`, `redact` or `truncate`")
        if params.keep < 0:
            raise Invalid("parameter `keep` is below zero")
        if params.hash:
            self.set_key(params.key.encode(), params.digits)

    def set_key(self, key, digits):
        """Absorbs the key of HMAC-SHA256."""
        if len(key) < KEY_BYTES_MIN:
            raise Invalid(f"parameter `key` has fewer than {KEY_BYTES_MIN} bytes; `hash` needs it")
        if not DIGITS_MIN <= digits <= DIGITS_MAX:
            raise Invalid(f"parameter `digits` is not between {DIGITS_MIN} and {DIGITS_MAX}")
        key = (key if len(key) <= BLOCK else sha256(key).digest()).ljust(BLOCK, b"\0")
        self.inner = sha256(bytes(byte ^ 0x36 for byte in key))
        self.outer = sha256(bytes(byte ^ 0x5C for byte in key))

    def process(self, batch, out):
        out.all(*(masked(batch, name) for masked, name in self.masks))

    def hashed(self, batch, name):
        """The hash of each value; null stays null."""
        values = batch[name].to_list()
        # Equal values are hashed once.
        hashes = {value: self.hash(str(value)) for value in {*values} - {None}}
        hashes[None] = None
        return [hashes[value] for value in values]

    def hash(self, value):
        """The first digits of the HMAC of a text."""
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(value.encode())
        outer.update(inner.digest())
        return outer.hexdigest()[: self.params.digits]

    def truncated(self, batch, name):
        """The first characters of each text."""
        return [value and value[: self.params.keep] for value in batch[name]]

    def redacted(self, batch, name):
        """The same in every row."""
        return [self.params.redaction] * batch.n_rows
