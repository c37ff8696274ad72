//! The bytes of a segment.
/// The newest format that this release writes and reads.
pub(crate) const VERSION: u32 = 1;
