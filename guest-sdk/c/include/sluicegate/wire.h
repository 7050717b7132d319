/*
 * The contract in C: what crosses the boundary in memory, and the functions of the host.
 *
 * Written by hand from `wit/transform.wit` after the canonical ABI. Lists and strings are a pointer and a length,
 * so on wasm32 these structures are the bytes that cross; natively they are what the harness speaks.
 */
#ifndef SLUICEGATE_WIRE_H
#define SLUICEGATE_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Text that is not necessarily ended by a zero; `data` is NULL for a null. */
typedef struct sg_text {
    const char *data;
    size_t size;
} sg_text;

/** Bytes of one Arrow buffer. */
typedef struct sg_buffer {
    uint8_t *data;
    size_t size;
} sg_buffer;

typedef struct sg_wire_array {
    uint32_t length;
    uint32_t null_count;
    sg_buffer *buffers;
    size_t n_buffers;
} sg_wire_array;

typedef struct sg_wire_column {
    sg_wire_array *arrays;
    size_t n_arrays;
} sg_wire_column;

typedef struct sg_wire_columns {
    sg_wire_column *columns;
    size_t n_columns;
} sg_wire_columns;

/** A key and a value of a field's metadata. */
typedef struct sg_pair {
    sg_text key;
    sg_text value;
} sg_pair;

typedef struct sg_wire_field {
    sg_text name;
    sg_text format;
    uint8_t nullable;
    uint8_t dictionary;
    uint32_t n_children;
    sg_pair *metadata;
    size_t n_metadata;
} sg_wire_field;

typedef struct sg_wire_fields {
    sg_wire_field *fields;
    size_t n_fields;
} sg_wire_fields;

typedef struct sg_wire_rejection {
    uint32_t row;
    sg_text reason;
} sg_wire_rejection;

typedef struct sg_wire_output {
    uint8_t computed;
    union {
        uint32_t pass;
        sg_wire_fields fields;
    } as;
} sg_wire_output;

typedef struct sg_wire_plan {
    uint32_t *reads;
    size_t n_reads;
    sg_wire_output *output;
    size_t n_output;
    uint8_t stateless;
} sg_wire_plan;

typedef struct sg_wire_fault {
    uint8_t kind;
    sg_text message;
} sg_wire_fault;

/** What `bind` returns. */
typedef struct sg_wire_bound {
    uint8_t failed;
    union {
        sg_wire_plan plan;
        sg_wire_fault fault;
    } as;
} sg_wire_bound;

/** What `process` and `finish` return. */
typedef struct sg_wire_done {
    uint8_t failed;
    sg_wire_fault fault;
} sg_wire_done;

#ifdef __wasm__
static_assert(sizeof(sg_wire_array) == 16, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_field) == 32, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_output) == 12, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_plan) == 20, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_bound) == 24, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_done) == 16, "as the canonical ABI lays it out");

#define SG_IMPORT(interface, name)                                                                 \
    __attribute__((import_module("sluicegate:transform/" interface "@0.1.0"), import_name(name)))
#define SG_EXPORT_AS(name) __attribute__((export_name("sluicegate:transform/transform@0.1.0#" name)))
#else
#define SG_IMPORT(interface, name)
#define SG_EXPORT_AS(name)
#endif

/* Defined in a header, once in the program however often it is included. */
#define SG_ONCE __attribute__((weak))

/* `emit` takes its selection as a number and a list: all, filter, take. */
enum { SG_WIRE_ALL, SG_WIRE_FILTER, SG_WIRE_TAKE };

SG_IMPORT("input", "rows") uint32_t sg_import_rows(void);
SG_IMPORT("input", "read")
void sg_import_read(const uint32_t *indices, size_t n_indices, sg_wire_columns *columns);
SG_IMPORT("output", "emit")
void sg_import_emit(uint32_t selection, const uint8_t *rows, size_t rows_size,
                    const sg_wire_column *columns, size_t n_columns);
SG_IMPORT("output", "reject") void sg_import_reject(const sg_wire_rejection *rows, size_t n_rows);
SG_IMPORT("log", "write") void sg_import_log(uint32_t level, const char *message, size_t size);

#ifdef __cplusplus
}
#endif
#endif
