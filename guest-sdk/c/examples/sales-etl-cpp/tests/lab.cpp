// The lab, natively.
#include "../src/sales_etl.cpp"

#include <sluicegate/harness.h>

int main() {
    sg_test* test = sg_test_bind(&sg_this, "id:l amount:g", R"({"min_amount": 10})");
    sg_expect(test->fault, "(none)");
    sg_expect(sg_test_process(test, "[1, 120.5] [2, 19.99] [3, 9.99] [4, null] [5, 20]"),
              "{\"id\":1,\"amount\":120.5,\"amount_bucket\":\"high\"}\n"
              "{\"id\":2,\"amount\":19.99,\"amount_bucket\":\"low\"}\n"
              "{\"id\":5,\"amount\":20.0,\"amount_bucket\":\"medium\"}\n");
    sg_expect(sg_test_bind(&sg_this, "amount:b", "{}")->fault,
              "invalid: column `amount` is of type Boolean, expected a number");
    return sg_test_result();
}
