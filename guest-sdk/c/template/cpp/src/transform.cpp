// Drops small amounts and says how large the others are.
#include <sluicegate.hpp>

struct Transform {
    sg::Column<sg::Numbers> amount;
    sg::Computed<std::string_view> size;
    double minimum = 0.0;

    // Called once, before any data: says what is read, what passes by and what is computed.
    sg::Status bind(sg::Plan& plan, sg::Params& params) {
        minimum = params.get("minimum", 0.0);
        amount = plan.read<sg::Numbers>("amount");
        plan.pass_all();
        size = plan.compute<std::string_view>("size", sg::not_null);
        plan.stateless();
        return sg::ok;
    }

    // Called for every batch.
    sg::Status process(const sg::Batch& batch, sg::Output& out) {
        auto amounts = batch[amount];
        auto rows = sg::filter(amounts, [&](double amount) { return amount >= minimum; });
        return out.emit(rows,
                        size.labels({"small", "large"}, amounts, rows, [](double amount) { return amount >= 100.0; }));
    }
};

SLUICEGATE_EXPORT(Transform)
