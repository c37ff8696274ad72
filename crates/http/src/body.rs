//! Reading a body that may be too long, too slow or never end. Bytes are counted as they are
//! read; what the peer says about the length is not believed.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use std::time::Duration;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than the cap.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// Not complete in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the framing is wrong.
    #[error("the body broke off or is framed wrongly")]
    Broken,
}

/// Reads a whole body of at most `cap` bytes within `deadline`.
///
/// # Errors
/// See [`BodyError`]; the rest of the body is not read.
pub async fn read<B>(body: B, cap: usize, deadline: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > cap as u64 {
        return Err(BodyError::TooLong(cap));
    }
    tokio::time::timeout(deadline, read_frames(body, cap)).await.map_err(|_| BodyError::TooSlow)?
}

async fn read_frames<B>(mut body: B, cap: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Most bodies are one frame: hand it on without a copy.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > cap {
            return Err(BodyError::TooLong(cap));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}
