//! The key file.
#![allow(clippy::todo, unused_variables)]
use super::LogError;
use relink_core::seal::SealKey;
use std::path::Path;
/// Loads or creates.
///
/// # Errors
/// [`LogError`].
pub fn load_or_create_key(path: &Path, id: &str) -> Result<SealKey, LogError> {
    todo!()
}
