//! The group engine: OpenMLS behind a narrow boundary, in two WebAssembly
//! builds. Without the feature `member` there is no code that could hold a
//! group's secret (test: tests/builds.test.ts).

pub mod error;
pub mod frame;
pub mod limits;

mod crypto;
mod failure;
pub mod inspect;
mod parse;
mod store;
mod store_keys;
#[macro_use]
mod store_public;
mod summary;

#[cfg(feature = "member")]
mod store_member;
#[cfg(feature = "member")]
mod store_tracking;

#[cfg(feature = "member")]
pub mod member;
#[cfg(not(feature = "member"))]
pub mod public;

#[cfg(target_arch = "wasm32")]
mod boundary;
