// Masks, natively.
#include "../src/mask.c"

#include <sluicegate/harness.h>

static const char *SCHEMA = "id:l email:vu name:i=(:u) phone:U";
static const char *PEOPLE =
    "[7, \"ann@example.com\", \"Änne\", \"123\"] [8, null, \"Bo\", \"456\"] [null, \"\", \"\", null]";

static const char *outcome(const char *params) {
    sg_test *test = sg_test_bind(&sg_this, SCHEMA, params);
    return test->fault ? test->fault : sg_test_process(test, PEOPLE);
}

int main(void) {
    // printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
    sg_expect(strstr(outcome("{\"hash\": [\"email\"], \"key\": \"0123456789abcdef\"}"),
                     "\"email\":\"9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df\"")
                  ? "found"
                  : "not",
              "found");
    // RFC 4231, test case 6: a key longer than a block.
    char key[131], hex[DIGITS_MAX + 1] = {0};
    memset(key, 0xaa, sizeof key);
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    hmac mac;
    hmac_init(&mac, key, sizeof key);
    hmac_hex(&mac, text, strlen(text), hex);
    sg_expect(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

    sg_expect(outcome("{\"truncate\": [\"name\"], \"redact\": [\"phone\", \"id\"], \"keep\": 2}"),
              "{\"id\":\"***\",\"email\":\"ann@example.com\",\"name\":\"Än\",\"phone\":\"***\"}\n"
              "{\"id\":\"***\",\"email\":null,\"name\":\"Bo\",\"phone\":\"***\"}\n"
              "{\"id\":\"***\",\"email\":\"\",\"name\":\"\",\"phone\":\"***\"}\n");
    sg_expect(outcome("{}"), "invalid: no column to mask; set `hash`, `redact` or `truncate`");
    sg_expect(outcome("{\"hash\": [\"email\"], \"key\": \"short\"}"),
              "invalid: parameter `key` has fewer than 16 bytes; `hash` needs it");
    sg_expect(outcome("{\"hash\": [\"email\"], \"key\": \"0123456789abcdef\", \"digits\": 8}"),
              "invalid: parameter `digits` is not between 16 and 64");
    sg_expect(
        outcome("{\"redact\": [\"fone\"]}"),
        "invalid: the input has no column `fone`; did you mean `phone`? there are `id`, `email`, `name`, `phone`");
    sg_expect(outcome("{\"truncate\": [\"id\"]}"), "invalid: column `id` is of type Int64, expected text");
    sg_expect(outcome("{\"redact\": [\"phone\"], \"truncate\": [\"phone\"]}"),
              "invalid: column `phone` is not passed through, so it cannot be replaced");
    sg_expect(outcome("{\"redact\": [\"phone\"], \"keep\": -1}"),
              "invalid: parameter `keep`: -1, expected an integer from 0 on");
    return sg_test_result();
}
