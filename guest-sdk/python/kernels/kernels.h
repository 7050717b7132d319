/* What the kernels have in common. Buffers are checked for their length, since an author's mistakes must not
 * reach memory; what the host sent is trusted otherwise. `sluicegate/_pure.py` says what each kernel does.
 */

#ifndef SLUICEGATE_KERNELS_H
#define SLUICEGATE_KERNELS_H

#include "python.h"

PyObject *arithmetic(PyObject *, PyObject *);
PyObject *bits_pack(PyObject *, PyObject *);
PyObject *bits_unpack(PyObject *, PyObject *);
PyObject *cast(PyObject *, PyObject *);
PyObject *choose(PyObject *, PyObject *);
PyObject *compare(PyObject *, PyObject *);
PyObject *cut(PyObject *, PyObject *);
PyObject *emit(PyObject *, PyObject *);
PyObject *hash_fixed(PyObject *, PyObject *);
PyObject *hash_text(PyObject *, PyObject *);
PyObject *nullify(PyObject *, PyObject *);
PyObject *pack(PyObject *, PyObject *);
PyObject *select_fixed(PyObject *, PyObject *);
PyObject *select_text(PyObject *, PyObject *);
PyObject *text_list(PyObject *, PyObject *);
PyObject *text_match(PyObject *, PyObject *);
PyObject *text_pack(PyObject *, PyObject *);

/* A buffer and where an array in it begins. */
#define VALUES(type, name, buffer) const type *restrict name = (const type *)(buffer).buf

static inline PyObject *new_bytes(Py_ssize_t n, void *start) {
    PyObject *bytes = n < 0 ? PyErr_Format(PyExc_OverflowError, "a buffer beyond 2 GiB") : PyBytes_FromStringAndSize(NULL, n);
    if (bytes) *(char **)start = PyBytes_AsString(bytes);
    return bytes;
}

static inline PyObject *too_short(void) { return PyErr_Format(PyExc_ValueError, "a buffer is too short"); }

static inline Py_ssize_t bitmap_bytes(Py_ssize_t n) { return (n + 7) / 8; }

static inline int bit(const uint8_t *bits, Py_ssize_t at) { return bits[at >> 3] >> (at & 7) & 1; }

static inline Py_ssize_t count(const uint8_t *bits, Py_ssize_t n) {
    Py_ssize_t set = 0;
    for (Py_ssize_t i = 0; i < n / 8; i++) set += __builtin_popcount(bits[i]);
    return n % 8 ? set + __builtin_popcount(bits[n / 8] & ((1 << n % 8) - 1)) : set;
}

/* A bitmap of all ones, made at the first null. */
static inline uint8_t *validity_of(Py_ssize_t n, PyObject **validity) {
    uint8_t *bits;
    *validity = new_bytes(bitmap_bytes(n), &bits);
    if (!*validity) return NULL;
    for (Py_ssize_t i = 0; i < n / 8; i++) bits[i] = 0xff;
    if (n % 8) bits[n / 8] = (uint8_t)((1 << n % 8) - 1);
    return bits;
}

static inline void copy(char *restrict to, const char *restrict from, Py_ssize_t n) { __builtin_memcpy(to, from, (size_t)n); }

static inline uint64_t hash(const uint8_t *bytes, Py_ssize_t n, uint64_t seed) {
    uint64_t state = 0xcbf29ce484222325u ^ seed;
    for (Py_ssize_t i = 0; i < n; i++) state = (state ^ bytes[i]) * 0x100000001b3u;
    state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    state = (state ^ state >> 27) * 0x94d049bb133111ebu;
    return state ^ state >> 31;
}

/* More labels than a byte can number are refused. */
#define LABELS_MAX 256

#endif
