// Every type over the Arrow C data interface and back, whole and sliced.
#include <sluicegate.h>
#include <sluicegate/arrow.h>

typedef struct {
    sg_column column;
    int64_t offset;
} through;

static sg_status bind(through *self, sg_plan *plan, sg_params *params) {
    self->offset = sg_param_integer(params, "offset", 0);
    self->column = sg_read(plan, "x", SG_ANY);
    sg_compute_field(plan, plan->fields[0]);
    return SG_OK;
}

// Row `i` becomes row `i + offset`; rows beyond the end stay away.
static sg_status process(through *self, const sg_batch *batch, sg_out *out) {
    struct ArrowArray array;
    struct ArrowSchema schema;
    uint32_t rows[8];
    sg_export_schema(sg_column_of(batch, self->column)->field, &schema);
    sg_export_array(sg_column_of(batch, self->column), &array);
    array.offset = self->offset;
    array.length -= self->offset;
    for (uint32_t row = 0; row < 8; row++) rows[row] = row;
    const sg_field *field = sg_import_schema(&schema);
    sg_check(sg_type_equal(field, sg_column_of(batch, self->column)->field));
    sg_status status = sg_emit(out, sg_take(rows, (size_t)array.length), sg_import_array(field, &array));
    schema.release(&schema);
    array.release(&array);
    sg_check(!schema.release && !array.release);
    return status;
}

SG_EXPORT(through, bind, process)

#include <sluicegate/harness.h>

static void check(const char *format, const char *value) {
    static const char *const params[] = {"{}", "{\"offset\": 1}", "{\"offset\": 2}"};
    sg_test *test = NULL;
    for (int offset = 0; offset < 3; offset++) {
        sg_bytes schema = {}, rows = {}, expected = {};
        sg_bytes_format(&schema, "x:%s%c", format, 0);
        sg_bytes_format(&rows, "[%s] [null] [%s] [%s]%c", value, value, value, 0);
        for (int row = offset; row < 4; row++) sg_bytes_format(&expected, "{\"x\":%s}\n", row == 1 ? "null" : value);
        sg_bytes_add(&expected, "", 1);
        test = sg_test_bind(&sg_this, (const char *)schema.data, params[offset]);
        sg_expect(sg_test_process(test, (const char *)rows.data), (const char *)expected.data);
    }
}

int main(void) {
    check("n", "null");
    check("b", "true");
    check("i", "-7");
    check("g", "0.5");
    check("d:38,2", "-1.25");
    check("tsu:UTC", "1");
    check("u", "\"text\"");
    check("U", "\"large text\"");
    check("vu", "\"a text that lies in a data buffer\"");
    check("w:2", "\"abcd\"");
    check("+l(item:u)", "[\"a\",null]");
    check("+w:2(item:i)", "[1,2]");
    check("+s(a:i b:+l(c:b))", "{\"a\":1,\"b\":[true,false]}");
    check("+m(entries:+s(key:u! value:l)!)", "[{\"key\":\"k\",\"value\":1}]");
    check("i=(:u)", "\"a\"");
    return sg_test_result();
}
