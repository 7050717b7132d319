//! Unit tests of what the interface of the sandbox does not show.
