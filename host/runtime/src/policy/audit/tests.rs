//! What a file of audits tells, and that nothing can be done to it unseen.
