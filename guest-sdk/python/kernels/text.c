/* Kernels over text and labels. */

#include "kernels.h"

/* A column of text or bytes: offsets of 4 or 8 bytes, and the data they point into. */
typedef struct {
    int width;
    Py_buffer offsets, data;
    Py_ssize_t n;
} Text;

static Py_ssize_t offset(const Text *text, Py_ssize_t at) {
    return text->width == 4 ? ((const int32_t *)text->offsets.buf)[at] : (Py_ssize_t)((const int64_t *)text->offsets.buf)[at];
}

static const char *value(const Text *text, Py_ssize_t row, Py_ssize_t *length) {
    Py_ssize_t start = offset(text, row);
    *length = offset(text, row + 1) - start;
    return (const char *)text->data.buf + start;
}

/* Whether every value lies within the data; releases the buffers and sets an error where one does not. */
static int is_whole(Text *text) {
    int whole = (text->width == 4 || text->width == 8) && text->n >= 0 && text->offsets.len / text->width > text->n;
    Py_ssize_t last = 0;
    for (Py_ssize_t i = 0; whole && i <= text->n; i++) {
        Py_ssize_t next = offset(text, i);
        whole = next >= last;
        last = next;
    }
    if (whole && last <= text->data.len) return 1;
    PyBuffer_Release(&text->offsets);
    PyBuffer_Release(&text->data);
    too_short();
    return 0;
}

static void release_text(Text *text) {
    PyBuffer_Release(&text->offsets);
    PyBuffer_Release(&text->data);
}

PyObject *text_list(PyObject *self, PyObject *args) {
    Text text;
    if (!PyArg_ParseTuple(args, "iy*y*n", &text.width, &text.offsets, &text.data, &text.n) || !is_whole(&text)) return NULL;
    PyObject *list = PyList_New(text.n);
    for (Py_ssize_t i = 0; list && i < text.n; i++) {
        Py_ssize_t length;
        const char *start = value(&text, i, &length);
        PyObject *item = PyUnicode_DecodeUTF8(start, length, NULL);
        if (!item || PyList_SetItem(list, i, item) < 0) {
            Py_DecRef(list);
            list = NULL;
        }
    }
    release_text(&text);
    return list;
}

static void set_offset(int width, char *offsets, Py_ssize_t at, Py_ssize_t to) {
    if (width == 4) ((int32_t *)offsets)[at] = (int32_t)to;
    else ((int64_t *)offsets)[at] = to;
}

PyObject *text_pack(PyObject *self, PyObject *args) {
    int width;
    PyObject *list, *data = NULL, *validity = NULL;
    if (!PyArg_ParseTuple(args, "iO", &width, &list)) return NULL;
    Py_ssize_t n = PyList_Size(list), nulls = 0, end = 0, length;
    if (n < 0) return NULL;
    char *ends, *out;
    uint8_t *bits = NULL;
    PyObject *offsets = new_bytes((n + 1) * width, &ends);
    if (!offsets) return NULL;
    set_offset(width, ends, 0, 0);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GetItem(list, i);
        if (item == Py_None) {
            if (!bits && !(bits = validity_of(n, &validity))) goto failed;
            bits[i >> 3] &= (uint8_t)~(1 << (i & 7));
            nulls++;
        } else {
            if (!item || !PyUnicode_AsUTF8AndSize(item, &length)) goto failed;
            if (end > INT32_MAX - length) {
                PyErr_Format(PyExc_OverflowError, "text beyond 2 GiB");
                goto failed;
            }
            end += length;
        }
        set_offset(width, ends, i + 1, end);
    }
    data = new_bytes(end, &out);
    if (!data) goto failed;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GetItem(list, i);
        if (item == Py_None) continue;
        const char *text = PyUnicode_AsUTF8AndSize(item, &length);
        copy(out, text, length);
        out += length;
    }
    if (!validity) validity = PyBytes_FromStringAndSize(NULL, 0);
    return Py_BuildValue("NNNn", offsets, data, validity, nulls);
failed:
    Py_DecRef(offsets);
    if (data) Py_DecRef(data);
    if (validity) Py_DecRef(validity);
    return NULL;
}

static int equal(const char *a, const char *b, Py_ssize_t n) { return __builtin_memcmp(a, b, (size_t)n) == 0; }

static int matches(char op, const char *text, Py_ssize_t n, const char *wanted, Py_ssize_t m) {
    if (n < m) return 0;
    if (op == '=') return n == m && equal(text, wanted, m);
    if (op == '^') return equal(text, wanted, m);
    if (op == '$') return equal(text + n - m, wanted, m);
    for (Py_ssize_t at = 0; at <= n - m; at++)
        if (m == 0 || (text[at] == *wanted && equal(text + at, wanted, m))) return 1;
    return 0;
}

PyObject *text_match(PyObject *self, PyObject *args) {
    const char *op;
    Text text;
    Py_buffer wanted;
    if (!PyArg_ParseTuple(args, "siy*y*ny*", &op, &text.width, &text.offsets, &text.data, &text.n, &wanted)) return NULL;
    if (!is_whole(&text)) {
        PyBuffer_Release(&wanted);
        return NULL;
    }
    uint8_t *out;
    PyObject *bits = new_bytes(bitmap_bytes(text.n), &out);
    if (bits) {
        __builtin_memset(out, 0, (size_t)bitmap_bytes(text.n));
        for (Py_ssize_t i = 0; i < text.n; i++) {
            Py_ssize_t length;
            const char *start = value(&text, i, &length);
            out[i >> 3] |= (uint8_t)(matches(*op, start, length, wanted.buf, wanted.len) << (i & 7));
        }
    }
    release_text(&text);
    PyBuffer_Release(&wanted);
    return bits;
}

PyObject *select_text(PyObject *self, PyObject *args) {
    Text text;
    Py_buffer bits;
    PyObject *offsets = NULL, *data = NULL;
    if (!PyArg_ParseTuple(args, "iy*y*y*n", &text.width, &text.offsets, &text.data, &bits, &text.n)) return NULL;
    if (!is_whole(&text)) {
        PyBuffer_Release(&bits);
        return NULL;
    }
    if (bits.len < bitmap_bytes(text.n)) {
        too_short();
    } else {
        const uint8_t *keep = bits.buf;
        Py_ssize_t kept = count(keep, text.n), end = 0, at = 0, length;
        for (Py_ssize_t i = 0; i < text.n; i++)
            if (bit(keep, i)) end += offset(&text, i + 1) - offset(&text, i);
        char *ends, *out;
        offsets = new_bytes((kept + 1) * text.width, &ends);
        data = offsets ? new_bytes(end, &out) : NULL;
        if (data) {
            set_offset(text.width, ends, 0, 0);
            end = 0;
            for (Py_ssize_t i = 0; i < text.n; i++)
                if (bit(keep, i)) {
                    const char *start = value(&text, i, &length);
                    copy(out + end, start, length);
                    end += length;
                    set_offset(text.width, ends, ++at, end);
                }
        }
    }
    release_text(&text);
    PyBuffer_Release(&bits);
    if (data) return Py_BuildValue("NN", offsets, data);
    if (offsets) Py_DecRef(offsets);
    return NULL;
}

PyObject *hash_text(PyObject *self, PyObject *args) {
    Text text;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "iy*y*nK", &text.width, &text.offsets, &text.data, &text.n, &seed) || !is_whole(&text)) return NULL;
    uint64_t *out;
    PyObject *bytes = new_bytes(8 * text.n, &out);
    for (Py_ssize_t i = 0; bytes && i < text.n; i++) {
        Py_ssize_t length;
        const char *start = value(&text, i, &length);
        out[i] = hash((const uint8_t *)start, length, seed);
    }
    release_text(&text);
    return bytes;
}

PyObject *choose(PyObject *self, PyObject *args) {
    Py_buffer codes;
    PyObject *list, *offsets = NULL, *data = NULL;
    char *labels[LABELS_MAX], *out;
    Py_ssize_t lengths[LABELS_MAX], end = 0;
    if (!PyArg_ParseTuple(args, "y*O", &codes, &list)) return NULL;
    Py_ssize_t n = codes.len, n_labels = PyList_Size(list);
    if (n_labels > LABELS_MAX) PyErr_Format(PyExc_ValueError, "more than 256 labels");
    for (Py_ssize_t i = 0; i < n_labels && i < LABELS_MAX; i++)
        if (PyBytes_AsStringAndSize(PyList_GetItem(list, i), &labels[i], &lengths[i]) < 0) break;
    VALUES(uint8_t, in, codes);
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < n; i++)
        if (in[i] >= n_labels) PyErr_Format(PyExc_ValueError, "no label %d", in[i]);
    int32_t *ends;
    if (!PyErr_Occurred()) offsets = new_bytes(4 * (n + 1), &ends);
    if (offsets) {
        ends[0] = 0;
        for (Py_ssize_t i = 0; i < n; i++) ends[i + 1] = (int32_t)(end += lengths[in[i]]);
        data = new_bytes(end, &out);
    }
    if (data)
        for (Py_ssize_t i = 0; i < n; i++) {
            copy(out, labels[in[i]], lengths[in[i]]);
            out += lengths[in[i]];
        }
    PyBuffer_Release(&codes);
    if (data) return Py_BuildValue("NN", offsets, data);
    if (offsets) Py_DecRef(offsets);
    return NULL;
}
