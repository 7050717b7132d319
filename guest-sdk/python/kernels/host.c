/* The contract's `emit`, called with the columns where they lie: the bindings that are generated for Python copy every
 * buffer, and never free the copy.
 */

#include "kernels.h"

#ifdef __wasm__

/* Types of the contract, as the canonical ABI lays them out. */
typedef struct { const void *start; Py_ssize_t n; } List;
typedef struct { uint32_t length, null_count; List buffers; } Array;

__attribute__((import_module("sluicegate:transform/output@0.1.0"), import_name("emit")))
void host_emit(int selection, const void *rows, Py_ssize_t n_rows, const List *columns, Py_ssize_t n_columns);

/* The parts of an array of a column; false with an error set. */
static int parts_of(PyObject *column, Py_ssize_t at, Py_ssize_t *length, Py_ssize_t *null_count, PyObject **buffers) {
    PyObject *array = PyList_GetItem(column, at);
    return array && PyArg_ParseTuple(array, "nnO", length, null_count, buffers);
}

/* How many arrays and buffers the columns have; false with an error set. */
static int count_parts(PyObject *columns, Py_ssize_t *n_arrays, Py_ssize_t *n_buffers) {
    Py_ssize_t length, null_count;
    PyObject *buffers;
    for (Py_ssize_t i = 0; i < PyList_Size(columns); i++) {
        PyObject *column = PyList_GetItem(columns, i);
        for (Py_ssize_t j = 0; j < PyList_Size(column); j++, ++*n_arrays) {
            if (!parts_of(column, j, &length, &null_count, &buffers)) return 0;
            *n_buffers += PyList_Size(buffers);
        }
    }
    return PyErr_Occurred() == NULL;
}

/* Lays the columns out, with as many arrays and buffers as were counted; false with an error set. */
static int lay_out(PyObject *columns, List *list, Array *array, List *buffer) {
    for (Py_ssize_t i = 0; i < PyList_Size(columns); i++, list++) {
        PyObject *column = PyList_GetItem(columns, i);
        *list = (List){array, PyList_Size(column)};
        for (Py_ssize_t j = 0; j < list->n; j++, array++) {
            Py_ssize_t length, null_count;
            PyObject *buffers;
            if (!parts_of(column, j, &length, &null_count, &buffers)) return 0;
            *array = (Array){(uint32_t)length, (uint32_t)null_count, {buffer, PyList_Size(buffers)}};
            for (Py_ssize_t k = 0; k < array->buffers.n; k++, buffer++) {
                PyObject *bytes = PyList_GetItem(buffers, k);
                if (PyBytes_AsStringAndSize(bytes, (char **)&buffer->start, &buffer->n) < 0) return 0;
            }
        }
    }
    return 1;
}

PyObject *emit(PyObject *self, PyObject *args) {
    int selection;
    const char *rows;
    Py_ssize_t n_rows, n_arrays = 0, n_buffers = 0;
    PyObject *columns;
    if (!PyArg_ParseTuple(args, "iy#O", &selection, &rows, &n_rows, &columns)) return NULL;
    if (!count_parts(columns, &n_arrays, &n_buffers)) return NULL;
    Py_ssize_t n_columns = PyList_Size(columns);
    List *lists = PyMem_Malloc((size_t)(n_columns + n_buffers) * sizeof *lists + (size_t)n_arrays * sizeof(Array));
    if (!lists) return PyErr_NoMemory();
    List *buffers = lists + n_columns;
    int is_laid_out = lay_out(columns, lists, (Array *)(buffers + n_buffers), buffers);
    if (is_laid_out) host_emit(selection, rows, n_rows, lists, n_columns);
    PyMem_Free(lists);
    return is_laid_out ? Py_BuildValue("") : NULL;
}

#endif
