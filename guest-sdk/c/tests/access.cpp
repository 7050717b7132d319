// Objects, secrets and requests in C++.
#include <sluicegate/access.hpp>

struct Guest {
    std::string seen;

    sg::Status bind(sg::Plan& plan, sg::Params&) {
        plan.pass_all();
        auto folder = sg::Folder::open("in");
        if (!folder) return folder.failed();
        auto text = folder->read_all("a", 10);
        if (!text) return text.failed();
        seen = *text;
        auto listed = folder->list();
        if (!listed) return listed.failed();
        for (const auto& object : *listed) seen += " " + object.path;
        auto writer = folder->create("new");
        if (!writer) return writer.failed();
        if (sg_failure error = writer->write(seen); error.kind) return sg_failed(error);
        auto object = std::move(*writer).finish();
        if (!object) return object.failed();
        auto dropped = folder->overwrite("b");
        if (!dropped || dropped->write("x").kind) return dropped.failed();
        return sg::ok;
    }

    sg::Status process(const sg::Batch&, sg::Output& out) { return out.emit(SG_ALL); }
};

SLUICEGATE_EXPORT(Guest)

#include <sluicegate/harness.h>

int main() {
    sg_test_object("in", "a", "one");
    sg_test_object("in", "b", "two");
    sg_test_secret("token", "hunter2");
    sg_expect(sg_test_bind(&sg_this, "id:l", "{}")->fault, "(none)");
    sg_expect(sg_test_written("in", "new"), "one a b");
    sg_expect(sg_test_written("in", "b"), "(none)");
    sg_expect(sg_failure_word(sg::Folder::open("out").error()), "denied");
    sg_expect(sg::secret("token")->c_str(), "hunter2");
    sg_test_server = [](const sg_request* request, sg_response* response) {
        return sg_test_respond(response, 200, request->url);
    };
    auto response = sg::Request{.url = "http://x/y"}.send();
    sg_expect(response ? response->body.c_str() : nullptr, "http://x/y");
    return sg_test_result();
}
