//! The body of an answer: whole, or announced as whole and broken off in the middle.

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// What is still to be sent, and whether the connection breaks after it.
#[derive(Debug)]
pub(super) struct Body {
    rest: Option<Bytes>,
    announced: u64,
    breaks: bool,
    /// What was sent before has left the buffers.
    flushed: bool,
}

impl Body {
    pub(super) fn whole(text: String) -> Self {
        let bytes = Bytes::from(text);
        Self { announced: bytes.len() as u64, rest: Some(bytes), breaks: false, flushed: false }
    }

    /// The length of the whole is announced, half of it is sent.
    pub(super) fn half(text: String) -> Self {
        let mut body = Self::whole(text);
        body.rest = body.rest.map(|bytes| bytes.slice(..bytes.len() / 2));
        body.breaks = true;
        body
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.rest.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(_) | None if self.breaks && !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(_) | None if self.breaks => {
                Poll::Ready(Some(Err(io::Error::other("connection cut by a fault"))))
            }
            Some(_) | None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
