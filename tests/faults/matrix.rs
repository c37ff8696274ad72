//! Which test shows which row of `docs/faults.md`.
