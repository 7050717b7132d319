//! What an instance says: log messages and standard output, made harmless and kept short.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::GuestLimits;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What happened.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl Level {
    /// The word for it in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where the messages of guests go.
///
/// A message is one line without control characters, and bounded in length and total volume.
pub trait LogSink: Send + Sync {
    /// Takes one message.
    fn log(&self, level: Level, message: &str);

    /// Whether messages of this level may be said at all. Those that may not are shown nowhere else either.
    fn takes(&self, _level: Level) -> bool {
        true
    }
}

/// What a message costs besides its bytes, so that empty messages are limited too.
const MESSAGE_BYTES: u64 = 64;

/// The mark at the end of a text that was cut.
const CUT: &str = " [cut]";

/// Bytes of what a guest said last that are shown in the error of its crash.
const LAST_WORDS_BYTES: usize = 1024;

/// The standard streams of a guest that are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// The messages of one instance, for its store and for the streams in it.
#[derive(Clone)]
pub(super) struct SharedLogs(Arc<Mutex<Logs>>);

impl SharedLogs {
    pub(super) fn new(logs: Logs) -> Self {
        Self(Arc::new(Mutex::new(logs)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The messages of one instance.
pub(super) struct Logs {
    sink: Arc<dyn LogSink>,
    limit: u64,
    left: u64,
    message_bytes: usize,
    dropped: u64,
    out: Vec<u8>,
    err: Vec<u8>,
    last_words: String,
}

impl Logs {
    /// Passes messages to `sink`, up to the bounds of `limits`.
    pub(super) fn new(sink: Arc<dyn LogSink>, limits: &GuestLimits) -> Self {
        Self {
            sink,
            limit: limits.log_bytes,
            left: limits.log_bytes,
            message_bytes: limits.message_bytes,
            dropped: 0,
            out: Vec::new(),
            err: Vec::new(),
            last_words: String::new(),
        }
    }

    /// Takes one message, which [`harmless`] made.
    pub(super) fn write(&mut self, level: Level, message: &str) {
        self.take(level, message, level == Level::Error);
    }

    /// Passes on what the host has to say, which is no guest's message.
    pub(super) fn warn(&self, message: &str) {
        self.sink.log(Level::Warn, message);
    }

    fn take(&mut self, level: Level, message: &str, sounds_like_a_reason: bool) {
        if !self.sink.takes(level) {
            return;
        }
        if sounds_like_a_reason {
            self.remember(message);
        }
        let cost = MESSAGE_BYTES + message.len() as u64;
        if cost > self.left {
            self.left = 0;
            self.dropped += 1;
            return;
        }
        self.left -= cost;
        self.sink.log(level, message);
    }

    /// Takes bytes written to a standard stream; each line becomes a message.
    pub(super) fn stream(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.append(stream, line);
            self.line(stream);
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.append(stream, bytes);
    }

    /// Passes on lines that were not ended.
    pub(super) fn flush(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            if !self.buffer(stream).is_empty() {
                self.line(stream);
            }
        }
    }

    /// Forgets what the guest said in an earlier call.
    pub(super) fn forget_last_words(&mut self) {
        self.last_words.clear();
    }

    /// What the guest said last that may explain its crash; empty where it said nothing.
    pub(super) fn take_last_words(&mut self) -> String {
        self.flush();
        std::mem::take(&mut self.last_words)
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    /// Keeps as much of a line as a message may have, and a byte more, so that `harmless` marks the cut.
    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let limit = self.message_bytes.saturating_add(1);
        let buffer = self.buffer(stream);
        let room = limit.saturating_sub(buffer.len()).min(bytes.len());
        buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn line(&mut self, stream: Stream) {
        let mut bytes = std::mem::take(self.buffer(stream));
        let line = String::from_utf8_lossy(&bytes);
        let line = harmless(line.trim_end_matches('\r'), self.message_bytes);
        let level = match stream {
            Stream::Out => Level::Info,
            Stream::Err => Level::Warn,
        };
        self.take(level, &line, stream == Stream::Err);
        bytes.clear();
        *self.buffer(stream) = bytes;
    }

    /// Keeps the last `LAST_WORDS_BYTES` of what sounds like a reason.
    fn remember(&mut self, message: &str) {
        if message.is_empty() {
            return;
        }
        if !self.last_words.is_empty() {
            self.last_words.push_str("; ");
        }
        self.last_words.push_str(message);
        let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        let start = self.last_words.ceil_char_boundary(excess);
        self.last_words.drain(..start);
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.flush();
        if self.dropped > 0 {
            let message = format!(
                "{} more messages were dropped: limit `log_bytes` of {} reached",
                self.dropped, self.limit
            );
            self.warn(&message);
        }
    }
}

/// `text` as one line of at most about `bytes`, without anything that a terminal or a reader could
/// take for something else: control characters, escape sequences and changes of direction are spelled out.
pub(super) fn harmless(text: &str, bytes: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes));
    for character in text.chars() {
        if line.len() >= bytes {
            line.push_str(CUT);
            break;
        }
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push(' '),
            _ if misleads(character) => {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    line
}

/// Whether a character changes how its neighbours look, or has no look of its own.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
