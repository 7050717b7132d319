//! A server that answers as told, and what a client needs for it.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::rules::rule;
use crate::error::Result;
use crate::http::{Failure, Times};
use crate::limits::HttpLimits;
use crate::network::{Answer, Budget, Client, Gate, HeaderSecrets, Means, Resolve, Rule, StandIn};
use crate::policy::{
    Guard, Layer, Policies, PolicyFile, Principal, RunIdentity, Syntax, Unaudited,
};
use crate::spec::HttpRule;

/// What the server does once a request is there.
#[derive(Clone)]
pub(super) enum Reply {
    /// Sends this and closes.
    All(Vec<u8>),
    /// Sends this, and nothing more, without closing.
    Stall(Vec<u8>),
    /// Sends this, and then that for ever.
    Endless(Vec<u8>, Vec<u8>),
}

/// An answer with a body.
pub(super) fn ok(body: &str) -> Reply {
    Reply::All(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// A server on a port of its own.
pub(super) struct Server {
    pub(super) port: u16,
    /// The heads of the requests that came.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    /// Connections that are open.
    pub(super) open: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn new(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let open: Arc<AtomicUsize> = Arc::default();
        let mut tasks = JoinSet::new();
        let (log, count) = (Arc::clone(&seen), Arc::clone(&open));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, log, count) = (reply.clone(), Arc::clone(&log), Arc::clone(&count));
                count.fetch_add(1, Ordering::SeqCst);
                connections.spawn(async move {
                    let _ = answer(stream, reply, &log).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            port,
            seen,
            open,
            _tasks: tasks,
        }
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let bytes = stream.read(&mut piece).await?;
        if bytes == 0 {
            return Ok(());
        }
        head.extend_from_slice(&piece[..bytes]);
    }
    log.lock()
        .unwrap()
        .push(String::from_utf8_lossy(&head).into_owned());
    match reply {
        Reply::All(bytes) => stream.write_all(&bytes).await,
        Reply::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            // Until the client goes away.
            while stream.read(&mut [0; 1024]).await? > 0 {}
            Ok(())
        }
        Reply::Endless(first, again) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
    }
}

/// Names with the addresses that they have, one answer after the other; the last stays.
#[derive(Default)]
pub(super) struct Names {
    pub(super) answers: Vec<Vec<&'static str>>,
    pub(super) asked: AtomicUsize,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(at).or(self.answers.last());
        let answer = answer.ok_or(io::ErrorKind::NotFound)?;
        Ok(answer.iter().map(|text| text.parse().unwrap()).collect())
    }
}

/// The secret `token` is this, for every host.
pub(super) const TOKEN: &str = "s3cr3t-canary-value";

struct Token;

impl HeaderSecrets for Token {
    fn header(&self, secret: &str, host: &str) -> Result<String> {
        assert_eq!((secret, host), ("token", "api.test"));
        Ok(TOKEN.to_owned())
    }
}

/// A gate that lets everything through that rules let, or what these statements of the identity layer say.
pub(super) fn gate(statements: Option<&str>) -> Gate {
    const ALL: &str = "[[statement]]\neffect = \"allow\"\nprincipal = \"any\"\naction = \"*\"\nresource = \"*\"\n";
    let file = |text, layer| PolicyFile::parse(text, "p.toml", Syntax::Toml, Some(layer)).unwrap();
    let identity = file(statements.unwrap_or(ALL), Layer::Identity);
    let policies = Policies::new(vec![identity, file(ALL, Layer::Application)]);
    let run = Principal::run(RunIdentity {
        id: "r-1".to_owned(),
        application: "etl".to_owned(),
        ..RunIdentity::default()
    });
    let snapshot = policies.snapshot(&run.unwrap()).unwrap();
    Gate {
        guard: Guard::new(snapshot, Arc::new(Unaudited)).of_step("send"),
        has_policies: statements.is_some(),
    }
}

/// A client and what it did.
pub(super) struct World {
    pub(super) client: Client,
    told: Mutex<Vec<String>>,
    pub(super) names: Arc<Names>,
    pub(super) budget: Arc<Budget>,
}

/// A rule for `http://api.test:PORT/*`, at this machine.
pub(super) fn here(port: u16) -> HttpRule {
    HttpRule {
        addresses: vec!["127.0.0.1/32".to_owned()],
        ..rule("api.test", port, "/*", &["GET", "POST"])
    }
}

/// Times of a test: nothing here takes long.
pub(super) fn limits() -> HttpLimits {
    HttpLimits {
        connect_time: Duration::from_secs(5),
        first_byte_time: Duration::from_secs(5),
        between_bytes_time: Duration::from_secs(5),
        ..HttpLimits::default()
    }
}

impl World {
    pub(super) fn new(rules: &[HttpRule], limits: HttpLimits) -> Self {
        let names = Names {
            answers: vec![vec!["127.0.0.1"]],
            ..Names::default()
        };
        Self::with(rules, limits, gate(None), names)
    }

    pub(super) fn with(rules: &[HttpRule], limits: HttpLimits, gate: Gate, names: Names) -> Self {
        let names = Arc::new(names);
        let budget = Arc::new(Budget::new(limits, Arc::new(|| false)));
        let means = Means {
            gate,
            secrets: Arc::new(Token),
            resolver: Arc::clone(&names) as _,
            budget: Arc::clone(&budget),
            stand_in: None,
        };
        let rules = rules
            .iter()
            .map(|rule| Rule::new(rule, None).unwrap())
            .collect();
        Self {
            client: Client::new(rules, means),
            told: Mutex::default(),
            names,
            budget,
        }
    }

    /// The same, with answers in place of the network.
    pub(super) fn answering(mut self, stand_in: &Arc<StandIn>) -> Self {
        let stand_in = Some(Arc::clone(stand_in));
        let means = Means {
            stand_in,
            ..self.client.means()
        };
        self.client = self.client.with_means(means);
        self
    }

    pub(super) async fn get(&self, url: &str) -> Result<Response<Answer>, Failure> {
        self.send(Request::get(url).body(Full::default()).unwrap())
            .await
    }

    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Answer>, Failure> {
        self.client.send(request, Times::default()).await
    }

    /// The whole answer, or why it ended.
    pub(super) async fn text(&self, url: &str) -> Result<String, Failure> {
        let answer = self.get(url).await?.into_body().collect().await?;
        Ok(String::from_utf8(answer.to_bytes().to_vec()).unwrap())
    }

    /// All that was told of denials.
    pub(super) fn told(&self) -> String {
        let mut told = self.told.lock().unwrap();
        for error in self.client.means().gate.guard.take_denials() {
            let (kind, hints) = (error.kind().as_str(), error.hints().join("; "));
            told.push(format!("{kind}: {error} [{hints}]"));
        }
        told.join("\n")
    }
}
