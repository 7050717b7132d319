/* Kernels over bitmaps and values of fixed width. */

#include "kernels.h"

/* Bitmaps. */

PyObject *bits_unpack(PyObject *self, PyObject *args) {
    Py_buffer bits;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "y*n", &bits, &n)) return NULL;
    uint8_t *out;
    PyObject *bytes = n < 0 || bits.len < bitmap_bytes(n) ? too_short() : new_bytes(n, &out);
    if (bytes) {
        VALUES(uint8_t, in, bits);
        for (Py_ssize_t i = 0; i < n; i++) out[i] = bit(in, i);
    }
    PyBuffer_Release(&bits);
    return bytes;
}

static void pack_bits(const uint8_t *restrict flags, Py_ssize_t n, uint8_t *restrict out) {
    Py_ssize_t whole = n / 8;
    for (Py_ssize_t byte = 0; byte < whole; byte++, flags += 8) {
        uint8_t packed = 0;
        for (int i = 0; i < 8; i++) packed |= (uint8_t)((flags[i] != 0) << i);
        out[byte] = packed;
    }
    if (n % 8) {
        uint8_t packed = 0;
        for (int i = 0; i < n % 8; i++) packed |= (uint8_t)((flags[i] != 0) << i);
        out[whole] = packed;
    }
}

PyObject *bits_pack(PyObject *self, PyObject *args) {
    Py_buffer flags;
    if (!PyArg_ParseTuple(args, "y*", &flags)) return NULL;
    uint8_t *out;
    PyObject *bytes = new_bytes(bitmap_bytes(flags.len), &out);
    if (bytes) pack_bits(flags.buf, flags.len, out);
    PyBuffer_Release(&flags);
    return bytes;
}

/* Numbers. */

/* One side of an operation: many values, or one. */
typedef struct {
    Py_buffer buffer;
    int is_buffer;
    int64_t integer;
    double number;
} Side;

static int side_of(PyObject *object, char code, Side *side) {
    extern PyObject PyBytes_Type;
    side->is_buffer = PyObject_IsInstance(object, &PyBytes_Type);
    if (side->is_buffer) return side->is_buffer > 0 && PyObject_GetBuffer(object, &side->buffer, 0) == 0;
    if (code == 'd') side->number = PyFloat_AsDouble(object);
    else side->integer = PyLong_AsLongLong(object);
    return PyErr_Occurred() == NULL;
}

static void release(Side *side) {
    if (side->is_buffer > 0) PyBuffer_Release(&side->buffer);
}

/* Parses both sides, and says how many values there are; -1 with an error set. */
static Py_ssize_t sides_of(PyObject *left, PyObject *right, char code, Side *a, Side *b) {
    if (!side_of(left, code, a)) return -1;
    if (!side_of(right, code, b)) {
        release(a);
        return -1;
    }
    Py_ssize_t n = a->is_buffer ? a->buffer.len : b->is_buffer ? b->buffer.len : -1;
    if (n < 0 || (a->is_buffer && b->is_buffer && a->buffer.len != b->buffer.len)) {
        release(a);
        release(b);
        PyErr_Format(PyExc_ValueError, "sides of an operation differ in length");
        return -1;
    }
    return n / 8;
}

/* `OUT = X op Y` for each row, X and Y being buffers or single values. */
#define EACH(type, field, OUT, EXPRESSION)                                              \
    if (a.is_buffer && b.is_buffer) {                                                   \
        VALUES(type, xs, a.buffer);                                                     \
        VALUES(type, ys, b.buffer);                                                     \
        for (Py_ssize_t i = 0; i < n; i++) { type x = xs[i], y = ys[i]; OUT[i] = EXPRESSION; } \
    } else if (a.is_buffer) {                                                           \
        VALUES(type, xs, a.buffer);                                                     \
        const type y = (type)b.field;                                                   \
        for (Py_ssize_t i = 0; i < n; i++) { type x = xs[i]; OUT[i] = EXPRESSION; }     \
    } else {                                                                            \
        VALUES(type, ys, b.buffer);                                                     \
        const type x = (type)a.field;                                                   \
        for (Py_ssize_t i = 0; i < n; i++) { type y = ys[i]; OUT[i] = EXPRESSION; }     \
    }

PyObject *arithmetic(PyObject *self, PyObject *args) {
    const char *op, *code;
    PyObject *left, *right, *bytes = NULL;
    Side a, b;
    if (!PyArg_ParseTuple(args, "ssOO", &op, &code, &left, &right)) return NULL;
    Py_ssize_t n = sides_of(left, right, *code, &a, &b);
    if (n < 0) return NULL;
    char *out;
    bytes = new_bytes(8 * n, &out);
    if (bytes && *code == 'd') {
        double *restrict values = (double *)out;
        switch (*op) {
        case '+': EACH(double, number, values, x + y) break;
        case '-': EACH(double, number, values, x - y) break;
        case '*': EACH(double, number, values, x * y) break;
        default: EACH(double, number, values, x / y) break;
        }
    } else if (bytes) {
        uint64_t *restrict values = (uint64_t *)out;
        switch (*op) {
        case '+': EACH(uint64_t, integer, values, x + y) break;
        case '-': EACH(uint64_t, integer, values, x - y) break;
        default: EACH(uint64_t, integer, values, x * y) break;
        }
    }
    release(&a);
    release(&b);
    return bytes;
}

#define COMPARED(type, field)                                          \
    switch (op[0] << 8 | op[1]) {                                      \
    case '<' << 8: EACH(type, field, flags, x < y) break;              \
    case '<' << 8 | '=': EACH(type, field, flags, x <= y) break;       \
    case '=' << 8 | '=': EACH(type, field, flags, x == y) break;       \
    case '!' << 8 | '=': EACH(type, field, flags, x != y) break;       \
    case '>' << 8 | '=': EACH(type, field, flags, x >= y) break;       \
    default: EACH(type, field, flags, x > y) break;                    \
    }

PyObject *compare(PyObject *self, PyObject *args) {
    const char *op, *code;
    PyObject *left, *right, *packed = NULL;
    Side a, b;
    if (!PyArg_ParseTuple(args, "ssOO", &op, &code, &left, &right)) return NULL;
    Py_ssize_t n = sides_of(left, right, *code, &a, &b);
    if (n < 0) return NULL;
    uint8_t *flags, *out;
    PyObject *scratch = new_bytes(n, &flags);
    if (scratch) {
        if (*code == 'd') { COMPARED(double, number) } else { COMPARED(int64_t, integer) }
        packed = new_bytes(bitmap_bytes(n), &out);
        if (packed) pack_bits(flags, n, out);
        Py_DecRef(scratch);
    }
    release(&a);
    release(&b);
    return packed;
}

#define CAST_FROM(letter, type)                                                     \
    case letter:                                                                    \
        if (*target == 'd')                                                         \
            for (Py_ssize_t i = 0; i < n; i++) ((double *)out)[i] = (double)((const type *)in.buf)[i]; \
        else                                                                        \
            for (Py_ssize_t i = 0; i < n; i++) ((int64_t *)out)[i] = (int64_t)((const type *)in.buf)[i]; \
        break;

static int size_of(char code) {
    switch (code) {
    case 'b': case 'B': return 1;
    case 'h': case 'H': return 2;
    case 'i': case 'I': case 'f': return 4;
    case 'q': case 'Q': case 'd': return 8;
    default: return 0;
    }
}

PyObject *cast(PyObject *self, PyObject *args) {
    const char *source, *target;
    Py_buffer in;
    if (!PyArg_ParseTuple(args, "ssy*", &source, &target, &in)) return NULL;
    int size = size_of(*source);
    Py_ssize_t n = size ? in.len / size : 0;
    char *out;
    PyObject *bytes = size ? new_bytes(8 * n, &out) : PyErr_Format(PyExc_ValueError, "no numbers of code %s", source);
    if (bytes) switch (*source) {
        CAST_FROM('b', int8_t) CAST_FROM('B', uint8_t) CAST_FROM('h', int16_t) CAST_FROM('H', uint16_t)
        CAST_FROM('i', int32_t) CAST_FROM('I', uint32_t) CAST_FROM('q', int64_t) CAST_FROM('Q', uint64_t)
        CAST_FROM('f', float) CAST_FROM('d', double)
        }
    PyBuffer_Release(&in);
    return bytes;
}

/* Stores a number where it fits its type; 0 with an error set. */
static int store(char code, char *out, Py_ssize_t at, PyObject *value) {
    if (code == 'd' || code == 'f') {
        double number = PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred()) return 0;
        if (code == 'd') ((double *)out)[at] = number;
        else ((float *)out)[at] = (float)number;
        return 1;
    }
    if (code == 'Q') {
        PyObject *index = PyNumber_Index(value);
        if (!index) return 0;
        ((uint64_t *)out)[at] = PyLong_AsUnsignedLongLong(index);
        Py_DecRef(index);
        return PyErr_Occurred() == NULL;
    }
    int64_t number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) return 0;
#define STORE(letter, type)                                        \
    case letter:                                                   \
        if ((int64_t)(type)number != number) break;                \
        ((type *)out)[at] = (type)number;                          \
        return 1;
    switch (code) {
        STORE('b', int8_t) STORE('B', uint8_t) STORE('h', int16_t) STORE('H', uint16_t)
        STORE('i', int32_t) STORE('I', uint32_t) STORE('q', int64_t)
    }
    PyErr_Format(PyExc_OverflowError, "out of range");
    return 0;
}

PyObject *pack(PyObject *self, PyObject *args) {
    const char *code;
    PyObject *list, *validity = NULL;
    if (!PyArg_ParseTuple(args, "sO", &code, &list)) return NULL;
    Py_ssize_t n = PyList_Size(list), nulls = 0;
    int size = size_of(*code);
    if (n < 0) return NULL;
    char *out;
    uint8_t *bits = NULL;
    PyObject *values = new_bytes(n * size, &out);
    if (!values) return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *value = PyList_GetItem(list, i);
        if (value == Py_None) {
            if (!bits && !(bits = validity_of(n, &validity))) goto failed;
            bits[i >> 3] &= (uint8_t)~(1 << (i & 7));
            for (int byte = 0; byte < size; byte++) out[i * size + byte] = 0;
            nulls++;
        } else if (!value || !store(*code, out, i, value)) {
            goto failed;
        }
    }
    if (!validity) validity = PyBytes_FromStringAndSize(NULL, 0);
    return Py_BuildValue("NNn", values, validity, nulls);
failed:
    Py_DecRef(values);
    if (validity) Py_DecRef(validity);
    return NULL;
}

PyObject *nullify(PyObject *self, PyObject *args) {
    PyObject *list;
    Py_buffer bits;
    if (!PyArg_ParseTuple(args, "Oy*", &list, &bits)) return NULL;
    Py_ssize_t n = PyList_Size(list);
    int done = n >= 0 && bits.len >= bitmap_bytes(n);
    if (!done && n >= 0) too_short();
    for (Py_ssize_t i = 0; done && i < n; i++) {
        if (!bit(bits.buf, i)) {
            Py_IncRef(Py_None);
            done = PyList_SetItem(list, i, Py_None) == 0;
        }
    }
    PyBuffer_Release(&bits);
    return done ? Py_BuildValue("") : NULL;
}

/* Selections, hashes and labels. */

/* Every value is written, and the next one overwrites those that are dropped: a loop without a branch. */
#define SELECT(type)                                                     \
    {                                                                    \
        const type *restrict from = (const type *)values.buf;            \
        type *restrict to = (type *)out;                                 \
        Py_ssize_t at = 0;                                               \
        for (Py_ssize_t i = 0; i < n && at < kept; i++) {                \
            to[at] = from[i];                                            \
            at += bit(keep, i);                                          \
        }                                                                \
    }

PyObject *select_fixed(PyObject *self, PyObject *args) {
    Py_ssize_t width, n;
    Py_buffer values, bits;
    PyObject *bytes = NULL;
    if (!PyArg_ParseTuple(args, "ny*y*n", &width, &values, &bits, &n)) return NULL;
    if (width < 0 || n < 0 || bits.len < bitmap_bytes(n) || (width && values.len / width < n)) {
        too_short();
    } else {
        const uint8_t *keep = bits.buf;
        Py_ssize_t kept = count(keep, n);
        char *out;
        bytes = new_bytes(kept * width, &out);
        if (bytes) switch (width) {
            case 1: SELECT(uint8_t) break;
            case 2: SELECT(uint16_t) break;
            case 4: SELECT(uint32_t) break;
            case 8: SELECT(uint64_t) break;
            default:
                for (Py_ssize_t i = 0; i < n; i++)
                    if (bit(keep, i)) {
                        copy(out, (const char *)values.buf + i * width, width);
                        out += width;
                    }
            }
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&bits);
    return bytes;
}

PyObject *hash_fixed(PyObject *self, PyObject *args) {
    Py_ssize_t width, n;
    Py_buffer values;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "ny*nK", &width, &values, &n, &seed)) return NULL;
    uint64_t *out;
    PyObject *bytes = width < 0 || n < 0 || (width && values.len / width < n) ? too_short() : new_bytes(8 * n, &out);
    for (Py_ssize_t i = 0; bytes && i < n; i++) out[i] = hash((const uint8_t *)values.buf + i * width, width, seed);
    PyBuffer_Release(&values);
    return bytes;
}

PyObject *cut(PyObject *self, PyObject *args) {
    Py_buffer values;
    PyObject *list, *bytes = NULL;
    double bounds[LABELS_MAX];
    if (!PyArg_ParseTuple(args, "y*O", &values, &list)) return NULL;
    Py_ssize_t n = values.len / 8, n_bounds = PyList_Size(list);
    if (n_bounds >= LABELS_MAX) PyErr_Format(PyExc_ValueError, "more than 255 bounds");
    for (Py_ssize_t i = 0; i < n_bounds && i < LABELS_MAX; i++) bounds[i] = PyFloat_AsDouble(PyList_GetItem(list, i));
    uint8_t *out;
    if (!PyErr_Occurred()) bytes = new_bytes(n, &out);
    if (bytes) {
        VALUES(double, in, values);
        __builtin_memset(out, 0, (size_t)n);
        for (Py_ssize_t bound = 0; bound < n_bounds; bound++) {
            const double at = bounds[bound];
            for (Py_ssize_t i = 0; i < n; i++) out[i] += in[i] >= at;
        }
    }
    PyBuffer_Release(&values);
    return bytes;
}
