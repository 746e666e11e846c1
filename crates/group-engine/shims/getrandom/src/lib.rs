//! Stands in for `getrandom` 0.4 and forwards to 0.2, so the engine has one
//! source of randomness: the hook in src/boundary.rs on WebAssembly, the
//! operating system natively. The real crate would import the browser's
//! `crypto` through generated glue that only one instance can own, and does not
//! compile with its own custom backend while OpenMLS asks for `wasm_js`.

use core::fmt;

#[cfg(feature = "sys_rng")]
pub use rand_core;
#[cfg(feature = "sys_rng")]
mod sys_rng;
#[cfg(feature = "sys_rng")]
pub use sys_rng::SysRng;

/// The source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no randomness")
    }
}

impl core::error::Error for Error {}

/// Fills `target` with cryptographic randomness.
pub fn fill(target: &mut [u8]) -> Result<(), Error> {
    getrandom_02::getrandom(target).map_err(|_| Error)
}

pub fn u32() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

pub fn u64() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
