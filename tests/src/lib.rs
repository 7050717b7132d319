//! House rules, end-to-end tests and benchmarks of the whole.
