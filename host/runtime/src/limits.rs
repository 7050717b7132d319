//! Every bound that a run is held to, in one place, with its default and its reason.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Bytes of a plugin's file: an interpreter with its libraries has 40 MiB.
pub const PLUGIN_BYTES_MAX: u64 = 256 * MIB;

/// Frames of all samples of a profile together: half a million samples of a transform in Rust, some seventy seconds
/// of one worker in an interpreter. A guest that makes each stack another takes a quarter of a GiB with them.
pub const PROFILE_FRAMES_MAX: usize = 4_000_000;

/// What a run may use. An application file and the command line change single values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that operators, sorts and guests of the run may hold together.
    pub memory: u64,
    /// Wall-clock time of the whole run.
    pub wall_time: Duration,
    /// Bytes that the run may write: its output, and the objects of its transforms.
    pub output_bytes: u64,
    /// Objects that its transforms may begin to write, or delete.
    pub objects: u64,
    /// Calls by which the bad rows of one failing batch are searched.
    pub batch_tries: u64,
    /// Such calls of all batches of the run.
    pub tries: u64,
    /// Attempts at one partition where storage fails for a reason that may pass, the first one included.
    pub attempts: u64,
    /// Attempts of all partitions of a run beyond the first of each.
    pub retries: u64,
    /// Batches and rows that a run keeps of those over which transforms fail, where it is told to keep some.
    pub kept_batches: u64,
    /// Bytes of each such batch.
    pub kept_bytes: u64,
    /// Keys that each rule on the output may remember: those that have to be unique, or that others refer to.
    pub rule_keys: u64,
    /// What compiling a component is held to.
    pub compile: CompileLimits,
    /// What each guest instance is held to.
    pub guest: GuestLimits,
    /// What the requests of all transforms are held to.
    pub http: HttpLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Half of a small machine; sorts spill before this is reached.
            memory: 2 * GIB,
            // Longer than any job that a person waits for.
            wall_time: Duration::from_hours(24),
            // A runaway transform must not fill a disk unseen.
            output_bytes: 1024 * GIB,
            // More are an output. Each that is begun is an upload that stays open until the commit.
            objects: 10_000,
            // One bad row of 8,192 takes 26; a batch with ten is bad by itself.
            batch_tries: 256,
            // Each has an instance of its own, which for an interpreter takes 20 ms.
            tries: 10_000,
            // The client of a store has tried for a minute each time.
            attempts: 3,
            // Some partitions twice: where more fail, it is the store that is out of order.
            retries: 20,
            // As many as a person looks at.
            kept_batches: 10,
            // A morsel of 8,192 rows of two columns has 128 KiB; of long texts, eight KiB a row.
            kept_bytes: 64 * MIB,
            // Of texts, three hundred MiB; of consecutive numbers, five.
            rule_keys: 10_000_000,
            compile: CompileLimits::default(),
            guest: GuestLimits::default(),
            http: HttpLimits::default(),
        }
    }
}

impl Limits {
    /// Those that a transform alone is held to, with their keys, as [`set_limit`](crate::spec::set_limit) takes them.
    #[must_use]
    pub fn of_transform(&self) -> [(&'static str, String); 13] {
        let guest = &self.guest;
        [
            ("memory", self.memory.to_string()),
            ("guest_memory", guest.memory.to_string()),
            ("call_time", format!("{}ms", guest.call_time.as_millis())),
            ("log_bytes", guest.log_bytes.to_string()),
            ("emit_bytes", guest.emit_bytes.to_string()),
            ("emit_rows", guest.emit_rows.to_string()),
            ("host_calls", guest.host_calls.to_string()),
            ("lift_bytes", guest.lift_bytes.to_string()),
            ("rejections", guest.rejections.to_string()),
            ("message_bytes", guest.message_bytes.to_string()),
            ("fields", guest.fields.to_string()),
            ("depth", guest.depth.to_string()),
            ("name_bytes", guest.name_bytes.to_string()),
        ]
    }
}

/// What the process that compiles a component is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of address space. An interpreter of 20 MiB takes three quarters of a GiB.
    pub memory: u64,
    /// Time on a processor, in whole seconds. An interpreter takes ten.
    pub time: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory: 2 * GIB,
            time: Duration::from_mins(2),
        }
    }
}

/// What one instance of a transform is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Bytes of all linear memories and tables of an instance together. Enough for a Python
    /// interpreter with a batch; an instance of a Rust transform needs a few MiB.
    pub memory: u64,
    /// Time of one call (`bind`, one batch, `finish`). A batch of 8,192 rows takes microseconds;
    /// ten seconds forgive a slow interpreter on a busy machine.
    pub call_time: Duration,
    /// Bytes of log messages and standard output that one instance may write in a run; what is
    /// above is dropped and counted.
    pub log_bytes: u64,
    /// Bytes that one call may emit, for transforms that make many rows of one.
    pub emit_bytes: u64,
    /// Rows that one call may emit. Bounds columns that need no bytes, such as nulls.
    pub emit_rows: u64,
    /// Calls of host functions within one call of the guest.
    pub host_calls: u64,
    /// Bytes that a single host call may lift out of the guest.
    pub lift_bytes: u64,
    /// Rows that one call may reject; a batch has no more.
    pub rejections: u64,
    /// Bytes kept of a rejection's reason and of a fault's or a log message's text; the rest is cut.
    pub message_bytes: usize,
    /// Fields of a schema that a guest may declare, children included.
    pub fields: usize,
    /// Depth of nested types that a guest may declare.
    pub depth: usize,
    /// Bytes of a field's name, and of each key and value of its metadata.
    pub name_bytes: usize,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            memory: 256 * MIB,
            call_time: Duration::from_secs(10),
            log_bytes: 256 * KIB,
            emit_bytes: 256 * MIB,
            emit_rows: 16 * 1024 * 1024,
            host_calls: 1_000_000,
            lift_bytes: 64 * MIB,
            rejections: 64 * 1024,
            message_bytes: 4 * 1024,
            fields: 4_096,
            depth: 16,
            name_bytes: 1_024,
        }
    }
}

/// What the requests over HTTP are held to that the transforms of a run send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections that a run has open at once: requests above wait. As many as a browser opens to a server.
    pub connections: usize,
    /// Requests of a run: a transform that sends one a row is a mistake, one a batch has room for 80 million rows.
    pub requests: u64,
    /// Bytes of a request's body: a batch of wide rows as JSON.
    pub request_bytes: u64,
    /// Bytes of an answer's body, of which a guest of a quarter of a GiB can hold two.
    pub response_bytes: u64,
    /// Time until a name is resolved, there is a connection, and TLS is agreed on.
    pub connect_time: Duration,
    /// Time from sending a request to its answer's headers; also how long a request waits for a free connection.
    pub first_byte_time: Duration,
    /// Time between two pieces of an answer's body.
    pub between_bytes_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 6,
            requests: 10_000,
            request_bytes: 16 * MIB,
            response_bytes: 64 * MIB,
            connect_time: Duration::from_secs(10),
            first_byte_time: Duration::from_secs(30),
            between_bytes_time: Duration::from_secs(30),
        }
    }
}
