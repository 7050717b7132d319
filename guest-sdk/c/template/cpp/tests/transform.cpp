// Runs the transform natively, without wasm.
#include "../src/transform.cpp"

#include <sluicegate/harness.h>

int main() {
    sg_test *test = sg_test_bind(&sg_this, "id:l amount:g", "{\"minimum\": 10}");
    sg_expect(sg_test_process(test, "[1, 5] [2, 10] [3, null] [4, 250.5]"),
              "{\"id\":2,\"amount\":10.0,\"size\":\"small\"}\n{\"id\":4,\"amount\":250.5,\"size\":\"large\"}\n");
    return sg_test_result();
}
