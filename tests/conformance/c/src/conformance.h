// The modes of the conformance guest.
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <sluicegate.h>

typedef struct guest guest;

typedef struct {
    const char *name;
    sg_status (*bind)(guest *self, sg_plan *plan, sg_params *params);
    sg_status (*process)(guest *self, const sg_batch *batch, sg_out *out);
    sg_status (*finish)(guest *self, sg_out *out);
} mode;

struct guest {
    const mode *mode;
    sg_column column, other;
    sg_column *columns;
    uint32_t n_columns;
    const sg_field *computed, *second;
    sg_text text, texts[4];
    uint64_t rows;
    int64_t sum;
    bool has_sum, is_done;
};

sg_status pass_all(guest *self, sg_plan *plan, sg_params *params);
sg_status emit_all(guest *self, const sg_batch *batch, sg_out *out);
sg_status no_rows(guest *self, sg_out *out);

// In access.c.
sg_status copy_bind(guest *self, sg_plan *plan, sg_params *params);
sg_status copy_process(guest *self, const sg_batch *batch, sg_out *out);
sg_status list_bind(guest *self, sg_plan *plan, sg_params *params);
sg_status list_process(guest *self, const sg_batch *batch, sg_out *out);
sg_status list_finish(guest *self, sg_out *out);
sg_status errors_bind(guest *self, sg_plan *plan, sg_params *params);
sg_status secret_bind(guest *self, sg_plan *plan, sg_params *params);
sg_status http_bind(guest *self, sg_plan *plan, sg_params *params);
#endif
