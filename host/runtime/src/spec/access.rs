//! What a step may reach beyond its columns, as its application file declares it.

mod read;

pub(super) use read::{Folders, METHODS, STEP_KEYS, read, secret};

use super::uri::Uri;

/// What a step declares that it will reach. Nothing else is reached, whatever policies allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepAccess {
    /// Folders that the transform opens by name.
    pub objects: Vec<ObjectGrant>,
    /// Requests over HTTP that it may send: those that fit one of the rules.
    pub http: Vec<HttpRule>,
    /// Names of the secrets that it may see.
    pub secrets: Vec<String>,
    /// What its wall clock and its monotonic clock show.
    pub clock: WallClock,
    /// What its random numbers are.
    pub random: Numbers,
}

impl StepAccess {
    /// The keys by which the step reaches beyond its columns.
    pub fn reaches(&self) -> impl Iterator<Item = &'static str> {
        let declared = [
            ("objects", !self.objects.is_empty()),
            ("http", !self.http.is_empty()),
            ("secrets", !self.secrets.is_empty()),
            ("clock", self.clock == WallClock::Real),
            ("random", self.random == Numbers::Real),
        ];
        let declared = declared.into_iter().filter(|(_, has)| *has);
        declared.map(|(key, _)| key)
    }

    /// Whether a transform that is called twice with the same rows does nothing twice: it writes no object, and its
    /// requests only read.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        let reads = |action: &ObjectAction| *action < ObjectAction::Create;
        let gets = |method: &String| ["GET", "HEAD"].contains(&method.as_str());
        let objects = self
            .objects
            .iter()
            .flat_map(|grant| &grant.actions)
            .all(reads);
        objects && self.http.iter().flat_map(|rule| &rule.methods).all(gets)
    }
}

/// A folder by the name that the transform knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectGrant {
    /// Unique in its step.
    pub name: String,
    /// Always a folder.
    pub uri: Uri,
    /// In order, none twice; by default those that read.
    pub actions: Vec<ObjectAction>,
}

/// What is done with objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectAction {
    /// Lists names.
    List,
    /// Asks for size and etag.
    Head,
    /// Reads content.
    Get,
    /// Writes what is not there.
    Create,
    /// Writes what is there.
    Overwrite,
    /// Deletes.
    Delete,
}

/// Requests that a transform may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// Whether over TLS.
    pub tls: bool,
    /// A name in lower case without a dot at its end, or an address; one of IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// A path from `/` on; with `/*` at its end, all below it.
    pub path: String,
    /// Methods in capitals; by default `GET` and `HEAD`.
    pub methods: Vec<String>,
    /// What the host adds, from secrets that the transform does not see.
    pub headers: Vec<HeaderSecret>,
    /// Ranges of addresses that may be connected to although they are private or otherwise special, such as
    /// `10.0.0.0/8`.
    pub addresses: Vec<String>,
    /// Certificates, as PEM, of authorities that are trusted beside the public ones.
    pub ca_file: Option<Uri>,
}

/// A header that the host adds to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderSecret {
    /// In lower case.
    pub name: String,
    /// The name of the secret.
    pub secret: String,
    /// What stands before it, such as `Bearer `.
    pub prefix: String,
}

/// What a clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WallClock {
    /// It stands still, at the start of Unix time.
    #[default]
    Frozen,
    /// The time.
    Real,
}

/// What random numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// The same in every run.
    #[default]
    Seeded,
    /// From the system.
    Real,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Environment(String),
    /// A file that nobody but its owner may read.
    File(Uri),
    /// What a program prints; the words are not read by a shell.
    Command(Vec<String>),
}
