/* The contract's `emit`, called with the columns where they lie: bindings that are made for Python copy each buffer. */

#include "kernels.h"

#ifdef __wasm__

/* The types of the contract, as the canonical ABI lays them out. */
typedef struct { const void *start; size_t n; } Slice;
typedef struct { uint32_t length, null_count; Slice buffers; } Array;

__attribute__((import_module("sluicegate:transform/output@0.1.0"), import_name("emit")))
void host_emit(int selection, const void *rows, size_t n_rows, const Slice *columns, size_t n_columns);

/* The parts of one array; false with an error set. */
static int array_of(PyObject *flat, Py_ssize_t at, Py_ssize_t *length, Py_ssize_t *null_count, PyObject **buffers) {
    PyObject *array = PyList_GetItem(flat, at);
    return array && PyArg_ParseTuple(array, "nnO", length, null_count, buffers);
}

/* How many arrays and buffers there are; false with an error set. */
static int counted(PyObject *columns, Py_ssize_t *n_arrays, Py_ssize_t *n_buffers) {
    Py_ssize_t length, null_count;
    PyObject *flat, *buffers;
    for (Py_ssize_t i = 0; i < PyList_Size(columns); i++) {
        if (!(flat = PyList_GetItem(columns, i))) return 0;
        for (Py_ssize_t j = 0; j < PyList_Size(flat); j++, ++*n_arrays) {
            if (!array_of(flat, j, &length, &null_count, &buffers)) return 0;
            *n_buffers += PyList_Size(buffers);
        }
    }
    return !PyErr_Occurred();
}

/* Lays out the columns, from `columns` on; false with an error set. */
static int laid_out(PyObject *list, Slice *columns, Array *array, Slice *buffer) {
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++) {
        PyObject *flat = PyList_GetItem(list, i), *buffers;
        columns[i] = (Slice){array, (size_t)PyList_Size(flat)};
        for (Py_ssize_t j = 0; j < PyList_Size(flat); j++, array++) {
            Py_ssize_t length, null_count;
            if (!array_of(flat, j, &length, &null_count, &buffers)) return 0;
            *array = (Array){(uint32_t)length, (uint32_t)null_count, {buffer, (size_t)PyList_Size(buffers)}};
            for (Py_ssize_t k = 0; k < PyList_Size(buffers); k++, buffer++)
                if (PyBytes_AsStringAndSize(PyList_GetItem(buffers, k), (char **)&buffer->start, (Py_ssize_t *)&buffer->n) < 0) return 0;
        }
    }
    return 1;
}

PyObject *emit(PyObject *self, PyObject *args) {
    int selection;
    const char *rows;
    Py_ssize_t n_rows, n_arrays = 0, n_buffers = 0;
    PyObject *list;
    if (!PyArg_ParseTuple(args, "iy#O", &selection, &rows, &n_rows, &list) || !counted(list, &n_arrays, &n_buffers)) return NULL;
    size_t n_columns = (size_t)PyList_Size(list);
    Slice *columns = PyMem_Malloc((n_columns + (size_t)n_buffers) * sizeof *columns + (size_t)n_arrays * sizeof(Array));
    if (!columns) return PyErr_NoMemory();
    Slice *buffers = columns + n_columns;
    int done = laid_out(list, columns, (Array *)(buffers + n_buffers), buffers);
    if (done) host_emit(selection, rows, (size_t)n_rows, columns, n_columns);
    PyMem_Free(columns);
    return done ? Py_BuildValue("") : NULL;
}

#endif
