// Every type through the readers and the builders, as the conformance guest does it.
#include "../../../tests/conformance/c/src/conformance.c"

#include <sluicegate/harness.h>

static void echo(const char *schema, const char *rows, const char *expected) {
    sg_test *test = sg_test_bind(&sg_this, schema, "{\"mode\": \"echo\"}");
    sg_expect(test->fault, "(none)");
    if (!test->fault) sg_expect(sg_test_process(test, rows), expected);
}

// One column `x` with one value, a null and the value again.
static void echo_value(const char *format, const char *value) {
    sg_bytes schema = {}, rows = {}, expected = {};
    sg_bytes_format(&schema, "x:%s%c", format, 0);
    sg_bytes_format(&rows, "[%s] [null] [%s]%c", value, value, 0);
    sg_bytes_format(&expected, "{\"x\":%s}\n{\"x\":null}\n{\"x\":%s}\n%c", value, value, 0);
    echo((const char *)schema.data, (const char *)rows.data, (const char *)expected.data);
}

static void all_types(void) {
    static const char *const values[][2] = {
        {"n", "null"}, {"b", "true"}, {"c", "-128"}, {"C", "255"}, {"s", "-32768"}, {"S", "65535"}, {"i", "-2147483648"},
        {"I", "4294967295"}, {"l", "-9223372036854775808"}, {"L", "18446744073709551615"}, {"e", "-1.5"}, {"f", "0.25"},
        {"g", "-1e+300"}, {"d:7,2,32", "-12345.67"}, {"d:15,2,64", "0.05"},
        {"d:38,10", "-1234567890123456789012345678.0000000001"}, {"d:60,3,256", "-7.125"}, {"tdD", "-1"},
        {"tdm", "86400000"}, {"tts", "1"}, {"ttm", "1"}, {"ttu", "1"}, {"ttn", "1"}, {"tss:", "-1"},
        {"tsn:Europe/Berlin", "1"}, {"tDu", "-9"}, {"tiM", "-3"}, {"tiD", "[1,-2]"}, {"tin", "[-1,2,-300]"},
        {"u", "\"äöü\""}, {"U", "\"\""}, {"vu", "\"twelve bytes\""}, {"vu", "\"thirteen byte\""}, {"z", "\"00ff\""},
        {"Z", "\"\""}, {"vz", "\"000102030405060708090a0b0c0d0e0f\""}, {"w:3", "\"61ff00\""}, {"+l(item:l)", "[1,null,3]"},
        {"+L(item:u)", "[\"a\",\"\"]"}, {"+l(item:+l(item:c))", "[[1],[],null]"}, {"+w:2(item:g)", "[1.0,null]"},
        {"+w:2(item:u!)", "[\"a\",\"b\"]"}, {"+s(a:i b:+l(c:u))", "{\"a\":1,\"b\":[\"x\"]}"},
        {"+m(entries:+s(key:u! value:l)!)", "[{\"key\":\"k\",\"value\":null}]"}, {"i=(:u)", "\"a\""}, {"C=(:l)", "7"},
        {"s=(:vu)", "\"a text of some length\""}, {"l=(:w:2)", "\"abcd\""}};
    for (size_t value = 0; value < sizeof values / sizeof *values; value++) echo_value(values[value][0], values[value][1]);
}

// Enough rows for every buffer to grow, and bits beyond the first byte.
static void many_rows(void) {
    sg_bytes rows = {}, expected = {};
    for (int row = 0; row < 1000; row++) {
        const char *flag = row % 3 == 0 ? "null" : row % 2 ? "true" : "false";
        sg_bytes_format(&rows, "[%s, \"text %d\", [%d]]\n", flag, row, row);
        sg_bytes_format(&expected, "{\"b\":%s,\"d\":\"text %d\",\"l\":[%d]}\n", flag, row, row);
    }
    sg_bytes_add(&rows, "", 1);
    sg_bytes_add(&expected, "", 1);
    echo("b:b d:s=(:u) l:+l(item:i)", (const char *)rows.data, (const char *)expected.data);
}

static void selections(void) {
    const char *schema = "keep:b x:l", *rows = "[true, 1] [false, 2] [null, null] [true, 4]";
    sg_test *test = sg_test_bind(&sg_this, schema, "{\"mode\": \"filter\"}");
    sg_expect(sg_test_process(test, rows), "{\"keep\":true,\"x\":1,\"row\":0}\n{\"keep\":true,\"x\":4,\"row\":3}\n");
    sg_expect(sg_test_process(test, ""), "");
    test = sg_test_bind(&sg_this, schema, "{\"mode\": \"take\"}");
    sg_expect(sg_test_process(test, "[true, 1] [false, 2]"),
              "{\"keep\":false,\"x\":2}\n{\"keep\":true,\"x\":1}\n{\"keep\":true,\"x\":1}\n{\"keep\":true,\"x\":1}\n"
              "{\"keep\":true,\"x\":1}\n");
    test = sg_test_bind(&sg_this, schema, "{\"mode\": \"reject\"}");
    sg_expect(sg_test_process(test, rows),
              "{\"keep\":true,\"x\":1}\n{\"keep\":true,\"x\":4}\nrejected 1: row 1\nrejected 2: row 2\n");
}

static void state(void) {
    sg_test *test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"count\"}");
    sg_expect(sg_test_process(test, "[1] [null]"), "");
    sg_expect(sg_test_process(test, "[5]"), "");
    sg_expect(sg_test_finish(test), "{\"rows\":3,\"sum\":6}\n");
    test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"count\"}");
    sg_expect(sg_test_finish(test), "{\"rows\":0,\"sum\":null}\n");
    test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"running\"}");
    sg_expect(sg_test_process(test, "[1] [null]"), "{\"x\":1,\"total\":1}\n{\"x\":null,\"total\":1}\n");
    sg_expect(sg_test_process(test, "[2]"), "{\"x\":2,\"total\":3}\n");
    test = sg_test_bind(&sg_this, "a:l b:g", "{\"mode\": \"add-one\"}");
    sg_expect(sg_test_process(test, "[1, 0.5] [null, null]"), "{\"a\":2,\"b\":1.5}\n{\"a\":null,\"b\":null}\n");
}

static void faults(void) {
    static const char *const cases[][2] = {
        {"{\"mode\": \"fault-invalid\"}", "invalid: the input has no column `missing`; there are `x`"},
        {"{\"mode\": \"params\", \"whole\": 1}", "invalid: parameter `text` is missing; the application must set it"},
        {"{\"mode\": \"params\", \"text\": \"a\", \"whole\": 1.5}", "invalid: parameter `whole`: 1.5, expected an integer"},
        {"{\"mode\": \"pass\", \"moed\": 1}", "invalid: parameter `moed` is not known; did you mean `mode`? there are `mode`"},
        {"[]", "invalid: parameters are not a JSON object: it is another value"},
        {"{\"mode\": }", "invalid: parameters are not a JSON object: a value was expected"}};
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++)
        sg_expect(sg_test_bind(&sg_this, "x:l", cases[at][0])->fault, cases[at][1]);
    sg_test *test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"fault-data\"}");
    sg_expect(sg_test_process(test, "[1]"), "data: bad data");
    test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"fault-transient\"}");
    sg_expect(sg_test_process(test, "[1]"), "transient: try again");
    test = sg_test_bind(&sg_this, "x:l", "{\"mode\": \"log\"}");
    sg_expect(sg_test_messages(test), "trace: hello\ndebug: hello\ninfo: hello\nwarn: hello\nerror: hello\n");
    test = sg_test_bind(&sg_this, "x:l",
                        "{\"mode\": \"params\", \"text\": \"\\u00e4\\ud83d\\ude00\\n\\\"\", \"whole\": -7, \"list\": [\"a\"]}");
    sg_expect(sg_test_process(test, "[1]"),
              "{\"x\":1,\"params\":\"{\\\"text\\\":\\\"ä😀\\\\n\\\\\\\"\\\",\\\"whole\\\":-7,\\\"real\\\":1.5,\\\"flag\\\":false,"
              "\\\"list\\\":[\\\"a\\\"]}\"}\n");
}

int main(void) {
    all_types();
    many_rows();
    selections();
    state();
    faults();
    return sg_test_result();
}
