use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Counterpart of `std::time::SystemTime`, as far as OpenMLS uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SystemTime(Duration);

/// Counterpart of `std::time::UNIX_EPOCH`.
pub const UNIX_EPOCH: SystemTime = SystemTime(Duration::ZERO);

impl SystemTime {
    pub fn now() -> Self {
        Self(Duration::from_secs(1))
    }

    pub fn duration_since(&self, earlier: Self) -> Result<Duration, SystemTimeError> {
        self.0.checked_sub(earlier.0).ok_or(SystemTimeError)
    }
}

/// `earlier` was the later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemTimeError;

impl fmt::Display for SystemTimeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the second time is later than the first")
    }
}

impl std::error::Error for SystemTimeError {}
