/* The little of CPython's stable ABI that the kernels use, declared here so that they compile without CPython's headers. */

#ifndef SLUICEGATE_PYTHON_H
#define SLUICEGATE_PYTHON_H

#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t Py_ssize_t;
typedef struct _object PyObject;

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;

typedef struct {
    const char *name;
    PyObject *(*function)(PyObject *, PyObject *);
    int flags;
    const char *doc;
} PyMethodDef;

typedef struct {
    Py_ssize_t refcount;
    void *type, *init;
    Py_ssize_t index;
    PyObject *copy;
    const char *name, *doc;
    Py_ssize_t size;
    PyMethodDef *methods;
    void *slots, *traverse, *clear, *free;
} PyModuleDef;

#define METH_VARARGS 1
#define PYTHON_ABI_VERSION 3

extern PyObject *PyExc_OverflowError, *PyExc_TypeError, *PyExc_ValueError;

PyObject *PyModule_Create2(PyModuleDef *, int);
int PyArg_ParseTuple(PyObject *, const char *, ...);
void PyBuffer_Release(Py_buffer *);
PyObject *Py_BuildValue(const char *, ...);
PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
char *PyBytes_AsString(PyObject *);
int PyBytes_AsStringAndSize(PyObject *, char **, Py_ssize_t *);
PyObject *PyList_New(Py_ssize_t);
Py_ssize_t PyList_Size(PyObject *);
PyObject *PyList_GetItem(PyObject *, Py_ssize_t);
int PyList_SetItem(PyObject *, Py_ssize_t, PyObject *);
PyObject *PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *);
const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
int PyObject_GetBuffer(PyObject *, Py_buffer *, int);
int PyObject_IsInstance(PyObject *, PyObject *);
long long PyLong_AsLongLong(PyObject *);
unsigned long long PyLong_AsUnsignedLongLong(PyObject *);
PyObject *PyNumber_Index(PyObject *);
double PyFloat_AsDouble(PyObject *);
PyObject *PyErr_Occurred(void);
PyObject *PyErr_Format(PyObject *, const char *, ...);
PyObject *PyErr_NoMemory(void);
void *PyMem_Malloc(size_t);
void PyMem_Free(void *);
void Py_IncRef(PyObject *);
void Py_DecRef(PyObject *);
extern PyObject _Py_NoneStruct;
#define Py_None (&_Py_NoneStruct)

#endif
