// Buckets sales by amount and drops the small ones.
#include <sluicegate.hpp>

struct SalesEtl {
    sg::Column<sg::Numbers> amount; // Every other column passes by.
    sg::Computed<std::string_view> bucket;
    double min_amount = 0.0;

    sg::Status bind(sg::Plan& plan, sg::Params& params) {
        min_amount = params.get("min_amount", 0.0);
        amount = plan.read<sg::Numbers>("amount");
        plan.pass_all();
        bucket = plan.compute<std::string_view>("amount_bucket", sg::not_null);
        plan.stateless();
        return sg::ok;
    }

    sg::Status process(const sg::Batch& batch, sg::Output& out) {
        auto amounts = batch[amount];
        auto rows = sg::filter(amounts, [&](double amount) { return amount >= min_amount; });
        auto number = [](double amount) { return (amount >= 20.0) + (amount >= 100.0); };
        return out.emit(rows, bucket.labels({"low", "medium", "high"}, amounts, rows, number));
    }
};

SLUICEGATE_EXPORT(SalesEtl)
