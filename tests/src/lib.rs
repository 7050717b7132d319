//! Nothing: the tests of this crate are in `tests/`, and see the project as a user does.
