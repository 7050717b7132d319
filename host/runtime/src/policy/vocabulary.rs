//! The words of policies: actions, what each acts on, and the keys of conditions.

use std::fmt;

/// What an action acts on; the word before the colon of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// Objects and folders, by URI: `s3://raw/sales/*`.
    Object,
    /// A host and its port: `host:example.com:443`.
    Host,
    /// A secret by name.
    Secret,
    /// `clock:wall` or `clock:monotonic`.
    Clock,
    /// `random:secure`.
    Random,
    /// A sink of log messages.
    Log,
    /// An application by name.
    Application,
    /// A run by its id.
    Run,
}

impl ResourceKind {
    pub(super) const WORDS: [(&'static str, Self); 8] = [
        ("object", Self::Object),
        ("host", Self::Host),
        ("secret", Self::Secret),
        ("clock", Self::Clock),
        ("random", Self::Random),
        ("log", Self::Log),
        ("application", Self::Application),
        ("run", Self::Run),
    ];

    /// The word before the colon.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(word, _)| word)
    }
}

macro_rules! actions {
    ($($variant:ident, $text:literal, $kind:ident, $doc:literal;)*) => {
        /// What a principal wants to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = $doc] $variant,)*
        }

        impl Action {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in statements.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it acts on.
            #[must_use]
            pub const fn kind(self) -> ResourceKind {
                match self { $(Self::$variant => ResourceKind::$kind,)* }
            }
        }

        /// Actions as types, for [`Granted`](super::Granted).
        pub mod act {
            use super::Action;
            $(#[doc = $doc] #[derive(Clone, Copy, Debug)] pub struct $variant;
            impl super::super::Act for $variant { const ACTION: Action = Action::$variant; })*
        }
    };
}

actions! {
    ObjectList, "object:list", Object, "Lists the names in a folder.";
    ObjectHead, "object:head", Object, "Asks for an object's size and time.";
    ObjectGet, "object:get", Object, "Reads an object.";
    ObjectCreate, "object:create", Object, "Writes an object that is not there.";
    ObjectOverwrite, "object:overwrite", Object, "Writes an object that is there.";
    ObjectDelete, "object:delete", Object, "Deletes an object.";
    NetworkHttp, "network:http", Host, "Sends a request over HTTP.";
    NetworkTcp, "network:tcp", Host, "Opens a connection.";
    SecretUse, "secret:use", Secret, "Has the host put a secret where a statement says.";
    SecretRead, "secret:read", Secret, "Sees a secret.";
    ClockRead, "clock:read", Clock, "Sees a real clock.";
    RandomRead, "random:read", Random, "Gets real randomness.";
    LogWrite, "log:write", Log, "Writes log messages.";
    ColumnRead, "column:read", Object, "Sees a column of what is read from a folder.";
    ApplicationRun, "application:run", Application, "Starts a run.";
    ApplicationRead, "application:read", Application, "Sees an application.";
    ApplicationUpdate, "application:update", Application, "Changes an application.";
    ApplicationDelete, "application:delete", Application, "Deletes an application.";
    RunRead, "run:read", Run, "Sees a run and its messages.";
    RunCancel, "run:cancel", Run, "Cancels a run.";
}

impl Action {
    /// The action of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.as_str() == text)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    /// Whether it comes with another: columns with their object, messages with the run. Statements only take it away.
    #[must_use]
    pub const fn is_given(self) -> bool {
        matches!(self, Self::ColumnRead | Self::LogWrite)
    }

    /// Whether it acts on a folder, not on one object in it.
    #[must_use]
    pub const fn takes_folder(self) -> bool {
        matches!(self, Self::ObjectList | Self::ColumnRead)
    }
}

/// What a key's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Text,
    Number,
    Bool,
    Date,
    Address,
}

impl KeyType {
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "an integer, or a size such as \"1GiB\"",
            Self::Bool => "`true` or `false`",
            Self::Date => "a date or time such as \"2026-11-22T10:00:00Z\"",
            Self::Address => "an address or a range such as \"10.0.0.0/8\"",
        }
    }
}

/// Where the value of a key is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// What the request says, for actions on this kind; for all where there is none.
    Context(Option<ResourceKind>),
    /// What the request says, for this action alone.
    Of(Action),
    /// What the principal is.
    Principal,
    /// A tag of the principal; its key follows the colon.
    Tag,
}

/// A key of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) home: Home,
    pub(super) attribute: &'static str,
    pub(super) ty: KeyType,
}

const fn key(name: &'static str, home: Home, attribute: &'static str, ty: KeyType) -> Key {
    Key {
        name,
        home,
        attribute,
        ty,
    }
}

const OBJECT: Home = Home::Context(Some(ResourceKind::Object));
const HOST: Home = Home::Context(Some(ResourceKind::Host));
const LOG: Home = Home::Context(Some(ResourceKind::Log));

/// All keys but those of tags.
pub(super) const KEYS: [Key; 17] = [
    key("time:now", Home::Context(None), "now", KeyType::Date),
    key("object:size", OBJECT, "size", KeyType::Number),
    key("object:staged", OBJECT, "staged", KeyType::Bool),
    key(
        "column:name",
        Home::Of(Action::ColumnRead),
        "column",
        KeyType::Text,
    ),
    key("network:scheme", HOST, "scheme", KeyType::Text),
    key("network:port", HOST, "port", KeyType::Number),
    key("network:method", HOST, "method", KeyType::Text),
    key("network:path", HOST, "path", KeyType::Text),
    key("network:address", HOST, "address", KeyType::Address),
    key("network:tls", HOST, "tls", KeyType::Bool),
    key(
        "secret:host",
        Home::Context(Some(ResourceKind::Secret)),
        "host",
        KeyType::Text,
    ),
    key("log:level", LOG, "level", KeyType::Text),
    key("log:bytes", LOG, "bytes", KeyType::Number),
    key("principal:name", Home::Principal, "name", KeyType::Text),
    key(
        "run:application",
        Home::Principal,
        "application",
        KeyType::Text,
    ),
    key(
        "run:compartment",
        Home::Principal,
        "compartment",
        KeyType::Text,
    ),
    key("run:submitter", Home::Principal, "submitter", KeyType::Text),
];

/// Before the key of a tag.
pub(super) const TAG: &str = "tag:";

impl Key {
    /// The key of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name.strip_prefix(TAG).is_some_and(|tag| !tag.is_empty()) {
            return Some(key(TAG, Home::Tag, "", KeyType::Text));
        }
        KEYS.iter().copied().find(|key| key.name == name)
    }

    /// Whether a request for this action can carry it.
    pub(super) fn applies_to(self, action: Action) -> bool {
        match self.home {
            Home::Context(Some(kind)) => action.kind() == kind && action != Action::ColumnRead,
            Home::Of(only) => action == only,
            Home::Context(None) | Home::Principal | Home::Tag => true,
        }
    }
}
