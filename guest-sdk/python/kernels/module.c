/* The module `sluicegate_kernels`, which a build links into the component. */

#include "kernels.h"

#define METHOD(name) {#name, name, METH_VARARGS, NULL}

static PyMethodDef methods[] = {
    METHOD(arithmetic), METHOD(bits_pack), METHOD(bits_unpack), METHOD(cast), METHOD(choose), METHOD(compare),
    METHOD(cut), METHOD(hash_fixed), METHOD(hash_text), METHOD(nullify), METHOD(pack), METHOD(select_fixed),
    METHOD(select_text), METHOD(text_list), METHOD(text_match), METHOD(text_pack),
#ifdef __wasm__
    METHOD(emit),
#endif
    {0},
};

static PyModuleDef module = {
    .refcount = 1, .name = "sluicegate_kernels", .size = -1, .methods = methods,
};

__attribute__((visibility("default"))) PyObject *PyInit_sluicegate_kernels(void);
PyObject *PyInit_sluicegate_kernels(void) { return PyModule_Create2(&module, PYTHON_ABI_VERSION); }
