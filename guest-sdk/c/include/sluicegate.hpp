/*
 * Write a Sluicegate transform in C++20.
 *
 * A layer over sluicegate.h, whose functions can be used beside it. Nothing throws: a bind keeps the first mistake, and
 * other calls return a status. Views and builders live in memory of the call, as in C.
 *
 *     struct Large {
 *         sg::Column<sg::Numbers> amount;
 *         double min = 0;
 *
 *         sg::Status bind(sg::Plan& plan, sg::Params& params) {
 *             min = params.get("min", 0.0);
 *             amount = plan.read<sg::Numbers>("amount");
 *             plan.pass_all().stateless();
 *             return sg::ok;
 *         }
 *
 *         sg::Status process(const sg::Batch& batch, sg::Output& out) {
 *             return out.emit(sg::filter(batch[amount], [&](double amount) { return amount >= min; }));
 *         }
 *     };
 *
 *     SLUICEGATE_EXPORT(Large)
 */
#ifndef SLUICEGATE_HPP
#define SLUICEGATE_HPP

#include <array>
#include <concepts>
#include <initializer_list>
#include <iterator>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluicegate.h"

namespace sg {

/// How a call ended: `sg::ok`, or what `sg_invalid`, `sg_data` and `sg_transient` return.
using Status = sg_status;
inline constexpr Status ok = SG_OK;

/// Whether a computed column may hold nulls.
enum Nullable : bool { not_null = false, nullable = true };

/// Reads any number as `double`.
struct Numbers {};
/// Reads any integer but uint64 as `int64_t`.
struct Integers {};
/// Reads text in every layout.
struct Text {};
/// Reads binary in every layout.
struct Blobs {};
/// Reads any type, as the tree that it is.
struct Any {};
/// Reads timestamps of any unit and zone as `int64_t`.
struct Timestamps {};

inline sg_text to_c(std::string_view text) { return {text.data() ? text.data() : "", text.size()}; }
inline std::string_view from_c(sg_text text) { return {text.data, text.size}; }
/// A view of a `sg_text` that may be null.
inline std::optional<std::string_view> optional_from_c(sg_text text) {
    return text.data ? std::optional(from_c(text)) : std::nullopt;
}

/// Values of fixed width. They lie in the transform's own memory, so they may be written over and emitted.
template <class T>
class Values {
  public:
    Values(T* values, uint8_t* validity, size_t length) : values_(values, length), validity_(validity) {}

    size_t size() const { return values_.size(); }
    /// The values of all rows; those under a null may be anything.
    std::span<T> span() const { return values_; }
    T& operator[](size_t row) const { return values_[row]; }
    bool is_valid(size_t row) const { return sg_bit(validity_, row); }
    std::optional<T> get(size_t row) const { return is_valid(row) ? std::optional<T>(values_[row]) : std::nullopt; }
    /// The bitmap of rows that are not null; NULL where all are.
    uint8_t* validity() const { return validity_; }

  private:
    std::span<T> values_;
    uint8_t* validity_;
};

/// Text, binary or truth values, read row by row.
template <class T>
class Cells {
  public:
    explicit Cells(const sg_array* array) : array_(array) {}

    size_t size() const { return array_->length; }
    bool is_valid(size_t row) const { return !sg_is_null(array_, row); }
    std::optional<T> get(size_t row) const {
        if (!is_valid(row)) return std::nullopt;
        if constexpr (std::same_as<T, bool>) return sg_bool_at(array_, row);
        else return optional_from_c(sg_get(array_, row));
    }
    const sg_array* array() const { return array_; }

  private:
    const sg_array* array_;
};

/// What a type of `Column` accepts, and how it is seen. Arrow's own types accept exactly themselves.
template <class T>
struct Read;

template <class T, sg_kind kinds>
struct ReadFixed {
    static constexpr sg_kind kinds_accepted = kinds;
    static Values<T> view(const sg_batch* batch, sg_column column) {
        sg_array* array = sg_column_of(batch, column);
        sg_check(array->field->width == sizeof(T));
        return {reinterpret_cast<T*>(array->first.data), array->validity, array->length};
    }
};

template <> struct Read<int8_t> : ReadFixed<int8_t, SG_INT8> {};
template <> struct Read<int16_t> : ReadFixed<int16_t, SG_INT16> {};
template <> struct Read<int32_t> : ReadFixed<int32_t, SG_INT32> {};
template <> struct Read<int64_t> : ReadFixed<int64_t, SG_INT64> {};
template <> struct Read<uint8_t> : ReadFixed<uint8_t, SG_UINT8> {};
template <> struct Read<uint16_t> : ReadFixed<uint16_t, SG_UINT16> {};
template <> struct Read<uint32_t> : ReadFixed<uint32_t, SG_UINT32> {};
template <> struct Read<uint64_t> : ReadFixed<uint64_t, SG_UINT64> {};
template <> struct Read<float> : ReadFixed<float, SG_FLOAT32> {};
template <> struct Read<double> : ReadFixed<double, SG_FLOAT64> {};
template <> struct Read<Timestamps> : ReadFixed<int64_t, SG_TIMESTAMP> {};

template <> struct Read<Numbers> {
    static constexpr sg_kind kinds_accepted = SG_NUMBERS;
    static Values<double> view(const sg_batch* batch, sg_column column) {
        sg_f64s numbers = sg_numbers(batch, column);
        return {numbers.values, numbers.validity, numbers.length};
    }
};

template <> struct Read<Integers> {
    static constexpr sg_kind kinds_accepted = SG_INTEGERS;
    static Values<int64_t> view(const sg_batch* batch, sg_column column) {
        sg_i64s integers = sg_integers(batch, column);
        return {integers.values, integers.validity, integers.length};
    }
};

template <class T, sg_kind kinds>
struct ReadCells {
    static constexpr sg_kind kinds_accepted = kinds;
    static Cells<T> view(const sg_batch* batch, sg_column column) { return Cells<T>(sg_column_of(batch, column)); }
};

template <> struct Read<Text> : ReadCells<std::string_view, SG_TEXTS> {};
template <> struct Read<Blobs> : ReadCells<std::string_view, SG_BLOBS> {};
template <> struct Read<bool> : ReadCells<bool, SG_BOOL> {};

template <> struct Read<Any> {
    static constexpr sg_kind kinds_accepted = SG_ANY;
    static const sg_array* view(const sg_batch* batch, sg_column column) { return sg_column_of(batch, column); }
};

/// A column that the transform reads; only of use with batches of its own plan.
template <class T>
struct Column {
    sg_column handle = {};
};

/// The batch that a transform processes.
class Batch {
  public:
    explicit Batch(const sg_batch* batch) : batch_(batch) {}

    size_t n_rows() const { return batch_->n_rows; }
    /// The values of a column.
    template <class T>
    auto operator[](Column<T> column) const { return Read<T>::view(batch_, column.handle); }
    const sg_batch* c() const { return batch_; }

  private:
    const sg_batch* batch_;
};

/// Which rows survive: those whose value is there and for which `keep` is true. It is called for nulls, too.
template <class T, class Keep>
sg_rows filter(const Values<T>& values, Keep keep) {
    auto span = values.span();
    uint8_t* flags = SG_NEW(uint8_t, span.size());
    for (size_t row = 0; row < span.size(); row++) flags[row] = keep(span[row]);
    return sg_filter(flags, values.validity(), span.size());
}

/// Which of `n_rows` survive, by their number.
template <class Keep>
sg_rows filter(size_t n_rows, Keep keep) {
    uint8_t* flags = SG_NEW(uint8_t, n_rows);
    for (size_t row = 0; row < n_rows; row++) flags[row] = keep(row);
    return sg_filter(flags, nullptr, n_rows);
}

/// Rows by index; an index may repeat or be left out.
inline sg_rows take(std::span<const uint32_t> rows) { return sg_take(rows.data(), rows.size()); }

/// A column that grows.
template <class T>
class Builder {
  public:
    Builder(const sg_field* field, size_t n_rows) : builder_(sg_builder_new(field, n_rows)) {}

    void append(T value) {
        if constexpr (std::same_as<T, bool>) sg_append_bool(builder_, value);
        else if constexpr (std::same_as<T, std::string_view>) sg_append_text(builder_, to_c(value));
        else sg_append_raw(builder_, &value, sizeof value);
    }
    void append_null() { sg_append_null(builder_); }
    void append(std::optional<T> value) { value ? append(*value) : append_null(); }
    size_t size() const { return builder_->length; }
    sg_array* finish() const { return sg_finish(builder_); }
    sg_builder* c() const { return builder_; }

  private:
    sg_builder* builder_;
};

/// A column that the transform computes, of values `T`.
template <class T>
class Computed {
  public:
    Computed() = default;
    explicit Computed(const sg_field* field) : field_(field) {}

    const sg_field* field() const { return field_; }
    Builder<T> builder(size_t n_rows) const { return Builder<T>(field_, n_rows); }

    /// The column of values that lie somewhere for as long as the call runs.
    sg_array* of(const Values<T>& values) const {
        return sg_array_of(field_, values.span().data(), values.validity(), values.size());
    }

    /// The column of `f` of each value; null where the value is.
    template <class A, class F>
    sg_array* map(const Values<A>& values, F f) const {
        T* mapped = static_cast<T*>(sg_alloc(values.size() * sizeof(T)));
        auto span = values.span();
        for (size_t row = 0; row < span.size(); row++) mapped[row] = f(span[row]);
        return sg_array_of(field_, mapped, values.validity(), values.size());
    }

    /// The label of each row that survives, by its number from `label`; a number that is no label counts as the last.
    template <class A, class F>
    sg_array* labels(std::initializer_list<const char*> labels, const Values<A>& values, const sg_rows& rows, F label) const {
        auto span = values.span();
        uint8_t* numbers = SG_NEW(uint8_t, span.size());
        for (size_t row = 0; row < span.size(); row++) numbers[row] = static_cast<uint8_t>(label(span[row]));
        return sg_labels(field_, labels.begin(), labels.size(), numbers, &rows);
    }

  private:
    const sg_field* field_ = nullptr;
};

/// The kind of a computed column of values `T`.
template <class T>
constexpr sg_kind kind_of() {
    if constexpr (std::same_as<T, std::string_view>) return SG_UTF8;
    else return Read<T>::kinds_accepted;
}

/// The parameters that an application set; what a bind does not ask for is refused.
class Params {
  public:
    explicit Params(sg_params* params) : params_(params) {}

    double get(const char* name, double fallback) { return sg_param_float(params_, name, fallback); }
    bool get(const char* name, bool fallback) { return sg_param_bool(params_, name, fallback); }
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    int64_t get(const char* name, T fallback) { return sg_param_integer(params_, name, static_cast<int64_t>(fallback)); }
    std::string_view get(const char* name, const char* fallback) { return from_c(sg_param_text(params_, name, fallback)); }
    std::vector<std::string_view> texts(const char* name) {
        sg_text_list list = sg_param_texts(params_, name);
        std::vector<std::string_view> texts;
        for (size_t item = 0; item < list.n_items; item++) texts.push_back(from_c(list.items[item]));
        return texts;
    }
    /// A parameter without a default: `params.require("key", "")`; the fallback only says its type.
    template <class T>
    auto require(const char* name, T type) {
        sg_require(params_, name);
        return get(name, type);
    }
    sg_params* c() { return params_; }

  private:
    sg_params* params_;
};

/// What a transform will do with every batch. The first mistake is kept, and ends the bind.
class Plan {
  public:
    explicit Plan(sg_plan* plan) : plan_(plan) {}

    template <class T>
    Column<T> read(std::string_view name) { return {sg_read_text(plan_, to_c(name), Read<T>::kinds_accepted)}; }
    const sg_field* field(std::string_view name) { return sg_plan_field(plan_, to_c(name)); }
    Plan& pass_all() { return sg_pass_all(plan_), *this; }
    Plan& pass_all_but(std::initializer_list<std::string_view> names) {
        std::vector<sg_text> texts;
        for (auto name : names) texts.push_back(to_c(name));
        return sg_pass_all_but(plan_, texts.data(), texts.size()), *this;
    }
    Plan& pass(const char* name) { return sg_pass(plan_, name), *this; }
    template <class T>
    Computed<T> compute(const char* name, Nullable nullable) {
        return Computed<T>(sg_compute(plan_, name, kind_of<T>(), nullable));
    }
    /// Adds a computed column of a type by its format string, such as "tsu:UTC"; `T` is how its values are stored.
    template <class T>
    Computed<T> compute_format(const char* name, const char* format, Nullable nullable) {
        return Computed<T>(sg_compute_format(plan_, name, format, nullable));
    }
    template <class T>
    Computed<T> replace(std::string_view name, Nullable nullable) {
        return Computed<T>(sg_replace(plan_, to_c(name), kind_of<T>(), nullable));
    }
    Plan& stateless() { return sg_stateless(plan_), *this; }
    sg_plan* c() { return plan_; }

  private:
    sg_plan* plan_;
};

/// Where a transform puts its results.
class Output {
  public:
    explicit Output(sg_out* out) : out_(out) {}

    /// Emits the rows selected, with the computed columns in the order in which they were planned.
    template <class... Arrays>
    Status emit(const sg_rows& rows, Arrays... columns) {
        const std::array<const sg_array*, sizeof...(Arrays)> arrays = {columns...};
        return sg_emit_columns(out_, rows, arrays.data(), arrays.size());
    }
    Status emit(const sg_rows& rows, const std::vector<const sg_array*>& columns) {
        return sg_emit_columns(out_, rows, columns.data(), columns.size());
    }
    /// Emits every row of the batch; in `finish`, the rows of the columns.
    template <class... Arrays>
    Status all(Arrays... columns) { return emit(SG_ALL, columns...); }
    /// Takes a row of the batch out of the run, with a reason. It is not removed from what is emitted.
    void reject(size_t row, std::string_view reason) { sg_reject(out_, row, "%.*s", SG_ARG(to_c(reason))); }
    sg_out* c() { return out_; }

  private:
    sg_out* out_;
};

/// Writes one message for the person who runs the transform.
inline void log(sg_level level, std::string_view message) { sg_import_log(level, message.data(), message.size()); }

/// The functions of a transform as the C layer calls them.
template <class T>
struct Exported {
    static Status bind(void* state, sg_plan* plan, sg_params* params) {
        Plan plan_of(plan);
        Params params_of(params);
        return (new (state) T)->bind(plan_of, params_of);
    }
    static Status process(void* state, const sg_batch* batch, sg_out* out) {
        Output output(out);
        return static_cast<T*>(state)->process(Batch(batch), output);
    }
    static Status finish(void* state, sg_out* out) {
        Output output(out);
        if constexpr (requires(T& transform) { transform.finish(output); }) return static_cast<T*>(state)->finish(output);
        return ok;
    }
    static constexpr sg_transform transform = {sizeof(T), bind, process, finish};
};

}  // namespace sg

/// Exports a transform: a type with `bind`, `process` and, where it is stateful, `finish`.
/// Natively, `sg_this` is what a test gives to the harness.
#define SLUICEGATE_EXPORT(type)                                                                    \
    static_assert(alignof(type) <= SG_ALIGNMENT);                                                  \
    static const sg_transform& sg_this = sg::Exported<type>::transform;                            \
    SG_EXPORTS_

#endif
