// The lab, natively.
#include "../src/sales_etl.c"

#include <sluicegate/harness.h>

int main(void) {
    const char *schema = "order_id:l customer_id:u amount:g region:u";
    sg_test *test = sg_test_bind(&sg_this, schema, "{\"min_amount\": 10}");
    sg_expect(test->fault, "(none)");
    sg_expect(
        sg_test_process(test, "[1001, \"C001\", 120.5, \"APAC\"]\n[1002, \"C002\", 19.99, \"EMEA\"]\n"
                              "[1004, \"C003\", 5.0, \"NA\"]\n[1005, null, 89, \"EMEA\"]"),
        "{\"order_id\":1001,\"customer_id\":\"C001\",\"amount\":120.5,\"region\":\"APAC\",\"amount_bucket\":\"high\"}\n"
        "{\"order_id\":1002,\"customer_id\":\"C002\",\"amount\":19.99,\"region\":\"EMEA\",\"amount_bucket\":\"low\"}\n"
        "{\"order_id\":1005,\"customer_id\":null,\"amount\":89.0,\"region\":\"EMEA\",\"amount_bucket\":\"medium\"}\n");

    // The bounds belong to the higher bucket, and nulls are dropped.
    test = sg_test_bind(&sg_this, "amount:g", "{}");
    sg_expect(sg_test_process(test, "[100] [20] [0] [null] [-1]"),
              "{\"amount\":100.0,\"amount_bucket\":\"high\"}\n{\"amount\":20.0,\"amount_bucket\":\"medium\"}\n"
              "{\"amount\":0.0,\"amount_bucket\":\"low\"}\n");

    // Amounts may be other numbers, and in every type nothing may come.
    const char *types[] = {"amount:l", "amount:c", "amount:S", "amount:f", "amount:e", "amount:d:5,2"};
    for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
        test = sg_test_bind(&sg_this, types[type], "");
        sg_expect(strstr(sg_test_process(test, "[100] [null] [-1]"), "\"high\"") ? "high" : "not", "high");
        sg_expect(sg_test_process(test, ""), "");
    }

    sg_expect(sg_test_bind(&sg_this, schema, "{\"min_amuont\": 10}")->fault,
              "invalid: parameter `min_amuont` is not known; did you mean `min_amount`? there are `min_amount`");
    sg_expect(sg_test_bind(&sg_this, schema, "{\"min_amount\": \"ten\"}")->fault,
              "invalid: parameter `min_amount`: the text \"ten\", expected a number");
    sg_expect(sg_test_bind(&sg_this, "amuont:g", "")->fault,
              "invalid: the input has no column `amount`; did you mean `amuont`? there are `amuont`");
    sg_expect(sg_test_bind(&sg_this, "amount:u", "")->fault,
              "invalid: column `amount` is of type Utf8, expected a number");
    return sg_test_result();
}
