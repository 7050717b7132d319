// Sessions, natively.
#include "../src/sessionize.c"

#include <sluicegate/harness.h>

int main(void) {
    sg_test *test = sg_test_bind(&sg_this, "user:u time:tsm:UTC", "{\"gap_minutes\": 1}");
    sg_expect(sg_test_process(test, "[\"a\", 0] [\"a\", 60000] [\"a\", 120001] [\"b\", 5] [null, 7] [\"a\", null]"),
              "{\"user\":\"a\",\"time\":0,\"session_id\":\"a-1\",\"session_start\":0}\n"
              "{\"user\":\"a\",\"time\":60000,\"session_id\":\"a-1\",\"session_start\":0}\n"
              "{\"user\":\"a\",\"time\":120001,\"session_id\":\"a-2\",\"session_start\":120001}\n"
              "{\"user\":\"b\",\"time\":5,\"session_id\":\"b-1\",\"session_start\":5}\n"
              "rejected 4: the user is null\nrejected 5: the time is null\n");
    // Sessions go on over batches.
    sg_expect(sg_test_process(test, "[\"b\", 6]"),
              "{\"user\":\"b\",\"time\":6,\"session_id\":\"b-1\",\"session_start\":5}\n");
    sg_expect(
        sg_test_process(test, "[\"b\", 1]"),
        "data: row 0 of the batch: the time of user `b` goes back from 6 to 1; set `partition_by` to the user and "
        "`order_by` to the time in this step");

    const char *params = "{\"user\": \"id\", \"time\": \"at\", \"time_unit\": \"ms\", \"gap_minutes\": 1}";
    test = sg_test_bind(&sg_this, "id:I at:l", params);
    sg_expect(sg_test_process(test, "[7, 0] [7, 61000]"),
              "{\"id\":7,\"at\":0,\"session_id\":\"7-1\",\"session_start\":0}\n"
              "{\"id\":7,\"at\":61000,\"session_id\":\"7-2\",\"session_start\":61000}\n");

    sg_expect(sg_test_bind(&sg_this, "user:u time:l", "{\"gap_minutes\": 0}")->fault,
              "invalid: parameter `gap_minutes` of 0 is out of range");
    sg_expect(sg_test_bind(&sg_this, "user:u time:l", "{\"time_unit\": \"h\"}")->fault,
              "invalid: parameter `time_unit`: unknown value `h`; did you mean `s`? there are `s`, `ms`, `us`, `ns`");
    sg_expect(sg_test_bind(&sg_this, "user:u time:u", "{}")->fault,
              "invalid: column `time` is of type Utf8, expected a timestamp or Int64");
    return sg_test_result();
}
