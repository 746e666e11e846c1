//! Stands in for `web-time`, which would read the host's wall clock.
//!
//! A commit's validity must not depend on anybody's clock (DESIGN rule 6:
//! expiry counts in log time), so inside the engine it is always one second
//! past 1970. Every leaf carries the lifetime `[0, u64::MAX]`; a leaf with
//! another lifetime is judged alike by everybody, forever.

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use std::time::*;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod fixed;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use fixed::*;
