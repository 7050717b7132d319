//! What becomes of requests to a bucket: refused, lost, or answered in a way that no client wants.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, RANGE};
use hyper::{Method, Request, Response};
use tokio::time::{Sleep, sleep};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// A whole object.
    Get,
    /// A part of an object.
    GetRange,
    Head,
    List,
    Put,
    Copy,
    /// The beginning of an upload.
    Create,
    /// A part of an upload.
    Part,
    Complete,
    Abort,
    Delete,
}

impl Verb {
    /// All of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Get,
        Self::GetRange,
        Self::Head,
        Self::List,
        Self::Put,
        Self::Copy,
        Self::Create,
        Self::Part,
        Self::Complete,
        Self::Abort,
        Self::Delete,
    ];

    pub(crate) fn of(request: &Request<Incoming>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str| {
            let mut names = query.split('&').map(|pair| pair.split('=').next());
            names.any(|found| found == Some(name))
        };
        let headers = request.headers();
        match *request.method() {
            Method::HEAD => Self::Head,
            Method::GET if has("list-type") || has("uploads") => Self::List,
            Method::GET if headers.contains_key(RANGE) => Self::GetRange,
            Method::GET => Self::Get,
            Method::PUT if has("partNumber") => Self::Part,
            Method::PUT if headers.contains_key("x-amz-copy-source") => Self::Copy,
            Method::PUT => Self::Put,
            Method::POST if has("uploads") => Self::Create,
            Method::POST if has("uploadId") => Self::Complete,
            Method::POST | Method::DELETE if !has("uploadId") => Self::Delete,
            Method::DELETE => Self::Abort,
            _ => panic!("{request:?}"),
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Served,
    Refused(u16),
    /// Refused in the words of S3, with a code.
    Said(u16, &'static str),
    /// The connection ends before anything is done.
    Lost,
    /// The connection ends when all is done.
    Unanswered,
    /// The connection ends in the middle of the answer.
    Cut,
    /// The answer has half of its bytes, and says that these are all.
    Short,
    /// The answer comes a few bytes at a time.
    Slow(usize, Duration),
    /// It is answered after a pause.
    Late(Duration),
}

impl Fate {
    /// Whether an answer has to be there before it can be spoilt.
    pub(crate) fn spoil(self, answer: s3s::HttpResponse) -> Response<Spoilt> {
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let half = length.unwrap_or_default() / 2;
        let (mut parts, body) = answer.into_parts();
        if let Self::Short = self
            && length.is_some()
        {
            parts.headers.insert(CONTENT_LENGTH, half.into());
        }
        let spoilt = Spoilt {
            body,
            held: Bytes::new(),
            left: matches!(self, Self::Cut | Self::Short).then_some(half),
            breaks: matches!(self, Self::Cut),
            slow: match self {
                Self::Slow(bytes, pause) => Some((bytes, pause)),
                _ => None,
            },
            pause: None,
        };
        Response::from_parts(parts, spoilt)
    }
}

/// The body of an answer, as its fate has it.
pub(crate) struct Spoilt {
    body: s3s::Body,
    /// Bytes of the body that wait for their turn.
    held: Bytes,
    /// Bytes that are still sent.
    left: Option<u64>,
    /// Whether the connection ends behind them.
    breaks: bool,
    /// Bytes that are sent at once, and how long it takes to the next.
    slow: Option<(usize, Duration)>,
    pause: Option<Pin<Box<Sleep>>>,
}

type Step = Option<Result<Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>>;

impl Body for Spoilt {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Step> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        while self.held.is_empty() && self.left != Some(0) {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => break,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => self.held = frame.into_data().unwrap_or_default(),
            }
        }
        let left = self.left.map_or(usize::MAX, |left| left as usize);
        let most = self.slow.map_or(left, |(bytes, _)| bytes.min(left));
        let most = most.min(self.held.len());
        if most == 0 {
            let end = self.breaks.then(|| Err("cut".into()));
            return Poll::Ready(end);
        }
        let piece = self.held.split_to(most);
        self.left = self.left.map(|left| left - piece.len() as u64);
        self.pause = self.slow.map(|(_, pause)| Box::pin(sleep(pause)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        match (self.left, self.breaks) {
            (None, _) => self.body.size_hint(),
            (Some(left), false) => SizeHint::with_exact(left),
            (Some(_), true) => SizeHint::default(),
        }
    }
}
