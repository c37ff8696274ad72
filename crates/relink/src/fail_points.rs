//! Fail points for the fault suite, armed by `RELINK_FAIL_POINTS`. A build without them refuses
//! the variable, so that a test which counts on one cannot pass for want of it.

use crate::failure::Failure;

const VARIABLE: &str = "RELINK_FAIL_POINTS";

/// Arms what the environment asks for.
///
/// # Errors
/// It cannot be read, or this build has no fail points.
pub(crate) fn arm() -> Result<(), Failure> {
    match std::env::var(VARIABLE) {
        Ok(text) => set(&text),
        Err(_) => Ok(()),
    }
}

#[cfg(feature = "fail-points")]
fn set(text: &str) -> Result<(), Failure> {
    relink_core::fail_point::arm(text).map_err(|why| Failure::usage(format!("{VARIABLE}: {why}")))
}

#[cfg(not(feature = "fail-points"))]
fn set(_text: &str) -> Result<(), Failure> {
    Err(Failure::usage(format!(
        "{VARIABLE} is set, but this build has no fail points: unset it, or build with \
         --features relink/fail-points"
    )))
}
