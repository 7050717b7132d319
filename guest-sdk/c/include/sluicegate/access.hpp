/*
 * Objects, secrets and requests over HTTP in C++20, over objects.h, secrets.h and http.h. plugin.toml names in `access` those that
 * are used.
 *
 *     auto lookup = sg::Folder::open("lookup");
 *     if (!lookup) return lookup.failed();
 *     auto rates = lookup->read_all("rates.csv", 1 << 20);
 *     if (!rates) return rates.failed();
 */
#ifndef SLUICEGATE_ACCESS_HPP
#define SLUICEGATE_ACCESS_HPP

#include "../sluicegate.hpp"
#include "http.h"
#include "objects.h"
#include "secrets.h"

namespace sg {

/// A value, or why there is none.
template <class T> class [[nodiscard]] Result {
    std::optional<T> value;
    sg_failure why = sg_no_failure();

  public:
    Result(T value) : value(std::move(value)) {}
    Result(sg_failure error) : why(error) {}
    explicit operator bool() const { return value.has_value(); }
    T& operator*() { return *value; }
    T* operator->() { return &*value; }
    /// Why there is none; `SG_NO_FAILURE` where there is one.
    sg_failure error() const { return why; }
    /// `return result.failed()`: ends the run with it, transient where another try may help.
    Status failed() const { return sg_failed(why); }
};

/// What is known of an object.
struct Object {
    std::string path;
    uint64_t size = 0;
    std::optional<std::string> etag;

    explicit Object(const sg_object& object) : path(object.path.data, object.path.size), size(object.size) {
        if (object.etag.data) etag.emplace(object.etag.data, object.etag.size);
    }
};

/// An object that is being written. Dropping it before `finish` leaves nothing.
class Writer {
    sg_writer writer{};
    std::string what;
    bool open = true;

    sg_writer* c() {
        writer.what = {what.data(), what.size()};
        return &writer;
    }

  public:
    explicit Writer(const sg_writer& writer) : writer(writer), what(writer.what.data, writer.what.size) {}
    Writer(Writer&& other) noexcept
        : writer(other.writer), what(std::move(other.what)), open(std::exchange(other.open, false)) {}
    Writer& operator=(Writer&&) = delete;
    ~Writer() {
        if (open) sg_writer_drop(&writer);
    }

    /// Appends. Each call goes to the host, so collect small pieces.
    sg_failure write(std::string_view bytes) { return sg_writer_write(c(), bytes.data(), bytes.size()); }

    /// Ends the object; it appears with the run's output.
    Result<Object> finish() && {
        sg_object object;
        open = false;
        sg_failure error = sg_writer_finish(c(), &object);
        if (error.kind) return error;
        return Object(object);
    }
};

/// A folder with all that is in it, however deep.
class Folder {
    sg_folder folder{};
    std::string name;
    bool open_ = true;

    const sg_folder* c() const { return &folder; }

    Folder(const sg_folder& opened, std::string_view text) : folder(opened), name(text) { folder.name = {name.c_str(), name.size()}; }

  public:
    Folder(Folder&& other) noexcept
        : folder(other.folder), name(std::move(other.name)), open_(std::exchange(other.open_, false)) {
        folder.name = {name.c_str(), name.size()};
    }
    Folder& operator=(Folder&&) = delete;
    ~Folder() {
        if (open_) sg_folder_close(&folder);
    }

    /// Opens a folder by the name that the step gives it.
    static Result<Folder> open(const std::string& name) {
        sg_folder opened;
        sg_failure error = sg_folder_open(name.c_str(), &opened);
        if (error.kind) return error;
        return Folder(opened, name);
    }

    /// The objects whose paths begin with the folder `prefix`, empty for all, in the order of their paths.
    Result<std::vector<Object>> list(const std::string& prefix = "") const {
        std::vector<Object> objects;
        sg_listing listing = sg_object_list(c(), prefix.c_str());
        for (sg_object object; sg_object_next(&listing, &object);) objects.emplace_back(object);
        if (listing.error.kind) return listing.error;
        return objects;
    }

    /// What is known of one object.
    Result<Object> head(const std::string& path) const {
        sg_object object;
        sg_failure error = sg_object_head(c(), path.c_str(), &object);
        if (error.kind) return error;
        return Object(object);
    }

    /// Reads from `offset` on; fewer bytes at the end of the object, and none beyond it.
    Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> to) const {
        size_t n_read;
        sg_failure error = sg_object_read(c(), path.c_str(), offset, to.data(), to.size(), &n_read);
        if (error.kind) return error;
        return n_read;
    }

    /// A whole object of at most `size_max` bytes; a larger one is an error `SG_LIMIT`.
    Result<std::string> read_all(const std::string& path, size_t size_max) const {
        sg_bytes bytes = {};
        sg_failure error = sg_object_read_all(c(), path.c_str(), size_max, &bytes);
        if (error.kind) return error;
        return std::string(bytes.data, bytes.data + bytes.size);
    }

    /// Begins an object that is not there yet. It appears when the run is committed.
    Result<Writer> create(const std::string& path) const {
        sg_writer writer;
        sg_failure error = sg_object_create(c(), path.c_str(), &writer);
        if (error.kind) return error;
        return Writer(writer);
    }

    /// Begins an object that takes the place of the one that may be there, when the run is committed.
    Result<Writer> overwrite(const std::string& path) const {
        sg_writer writer;
        sg_failure error = sg_object_overwrite(c(), path.c_str(), &writer);
        if (error.kind) return error;
        return Writer(writer);
    }

    /// Deletes an object, when the run is committed.
    sg_failure remove(const std::string& path) const { return sg_object_delete(c(), path.c_str()); }
};

/// The secret of this name.
inline Result<std::string> secret(const std::string& name) {
    sg_text text;
    sg_failure error = sg_secret_read(name.c_str(), &text);
    if (error.kind) return error;
    return std::string(text.data, text.size);
}

/// The response to a request, whatever its status.
struct Response {
    uint32_t status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};

/// A request; what is not set has its default.
struct Request {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
    uint64_t timeout_ms = SG_TIMEOUT_MS;
    size_t body_bytes_max = SG_BODY_BYTES_MAX;

    /// Sends it, and waits for the whole response. A status such as 404 is a response, and no error.
    Result<Response> send() const {
        sg_request request = {method.c_str(), url.c_str(), body.data(), body.size(), timeout_ms, body_bytes_max, {}};
        for (const auto& [name, value] : headers) sg_request_header(&request, name.c_str(), value.c_str());
        sg_response received;
        sg_failure error = sg_http_send(&request, &received);
        if (error.kind) return error;
        Response response{received.status, {}, std::string(received.body, received.body + received.body_size)};
        for (size_t at = 0; at < received.n_headers; at++) {
            const sg_pair& header = received.headers[at];
            response.headers.emplace_back(std::string(header.key.data, header.key.size),
                                          std::string(header.value.data, header.value.size));
        }
        return response;
    }
};

} // namespace sg
#endif
