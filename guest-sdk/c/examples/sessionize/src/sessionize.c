// Numbers the sessions of users: a session ends with a gap in time.
#include <sluicegate.h>

#include "sessions.h"

typedef struct {
    sg_column user, time;
    bool user_is_integer;
    const sg_field *id, *start;
    int64_t gap;
    sessions sessions;
} sessionize;

static const char *const UNITS[] = {"s", "ms", "us", "ns"};
static const double TICKS_PER_MINUTE[] = {60e0, 60e3, 60e6, 60e9};
static const double TICKS_MAX = 0x1p62; // no gap comes near the end of 64 bits

static sg_status bind(sessionize *self, sg_plan *plan, sg_params *params) {
    sg_text user = sg_param_text(params, "user", "user"), time = sg_param_text(params, "time", "time");
    size_t unit = sg_param_choice(params, "time_unit", UNITS, 4, 0);
    double minutes = sg_param_float(params, "gap_minutes", 30.0);
    self->user_is_integer = sg_plan_field(plan, user)->kind & SG_INTEGER_KINDS;
    self->user = sg_read_text(plan, user, self->user_is_integer ? SG_INTEGERS : SG_TEXTS);
    self->time = sg_read_text(plan, time, SG_TIMESTAMP | SG_INT64);
    const sg_field *field = sg_plan_field(plan, time);
    if (field->kind == SG_TIMESTAMP) unit = (size_t)(strchr("smun", field->unit) - "smun");
    sg_pass_all(plan);
    self->id = sg_compute(plan, "session_id", SG_UTF8, SG_NOT_NULL);
    self->start = sg_compute_field(plan, sg_field_like(field, sg_text_of("session_start"), SG_NOT_NULL));
    double ticks = __builtin_floor(minutes * TICKS_PER_MINUTE[unit]);
    if (minutes > 0.0 && ticks <= TICKS_MAX) self->gap = (int64_t)ticks;
    else sg_param_fail(params, "parameter `gap_minutes` of %g is out of range", minutes);
    return SG_OK;
}

// The session of a user at a time; NULL, with a fault, where time goes back.
static session *session_at(sessionize *self, sg_text user, int64_t time, uint32_t row) {
    session *session = session_of(&self->sessions, user);
    if (session->number && time < session->last) {
        sg_data("row %u of the batch: the time of user `%.*s` goes back from %lld to %lld; "
                "set `partition_by` to the user and `order_by` to the time in this step",
                row, SG_ARG(user), (long long)session->last, (long long)time);
        return NULL;
    }
    int64_t pause;
    bool is_long = __builtin_sub_overflow(time, session->last, &pause) || pause > self->gap;
    if (!session->number || is_long) {
        session->number++;
        session->start = time;
    }
    session->last = time;
    return session;
}

static sg_status process(sessionize *self, const sg_batch *batch, sg_out *out) {
    sg_i64s times = sg_values_i64(batch, self->time);
    sg_i64s numbers = self->user_is_integer ? sg_integers(batch, self->user) : (sg_i64s){};
    sg_builder *ids = sg_builder_new(self->id, batch->n_rows);
    int64_t *starts = SG_NEW(int64_t, batch->n_rows);
    uint8_t *kept = sg_flags(batch);
    char name[SG_DIGITS], number[SG_DIGITS];
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        sg_text user = {};
        if (!self->user_is_integer) user = sg_text_in(batch, self->user, row);
        else if (sg_bit(numbers.validity, row)) user = sg_decimal(numbers.values[row], name);
        bool has_time = sg_bit(times.validity, row);
        kept[row] = user.data && has_time;
        if (!user.data) sg_reject(out, row, "the user is null");
        else if (!has_time) sg_reject(out, row, "the time is null");
        if (!kept[row]) continue;
        session *session = session_at(self, user, times.values[row], row);
        if (!session) return SG_DATA;
        starts[ids->length] = session->start;
        const sg_text parts[] = {user, sg_text_of("-"), sg_decimal(session->number, number)};
        sg_append_parts(ids, parts, 3);
    }
    sg_array *column = sg_array_of(self->start, starts, NULL, ids->length);
    return sg_emit(out, sg_filter(kept, NULL, batch->n_rows), sg_finish(ids), column);
}

SG_EXPORT(sessionize, bind, process)
