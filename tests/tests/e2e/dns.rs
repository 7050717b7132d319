//! Names that a server of the attacker's answers for: whatever it says, a request goes only where it was let.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};

use crate::http::{Server, get, hello, printed, project};
use crate::own_network::is_inside;

/// An address that nothing is special about, and one of a neighbour.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 14);
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);

/// Bytes of a question before its name, and after it.
const HEAD_BYTES: usize = 12;
const KIND_BYTES: usize = 4;

/// The kind of a question that asks for addresses of IPv4.
const A: [u8; 2] = [0, 1];

/// What a name is said to have: one answer after the other, of which the last stays.
type Answers = BTreeMap<&'static str, Vec<Vec<Ipv4Addr>>>;

/// A server of names, and the names that it was asked for addresses of IPv4 of.
fn serve(answers: Answers) -> Arc<Mutex<Vec<String>>> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    // It ends with the process of the test.
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((bytes, from)) = socket.recv_from(&mut question) {
            let answer = answer(&question[..bytes], &answers, &log);
            socket.send_to(&answer, from).unwrap();
        }
    });
    asked
}

fn answer(packet: &[u8], answers: &Answers, log: &Mutex<Vec<String>>) -> Vec<u8> {
    let (head, rest) = packet.split_at(HEAD_BYTES);
    let end = rest.iter().position(|byte| *byte == 0).unwrap() + 1;
    let (name, kind) = (named(&rest[..end]), &rest[end..end + KIND_BYTES]);
    let mut found = Vec::new();
    if kind[..2] == A {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|asked| **asked == name).count();
        let all = answers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        found = all.get(before).or(all.last()).cloned().unwrap_or_default();
        log.push(name);
    }
    let count = u8::try_from(found.len()).unwrap();
    let mut answer = head[..2].to_vec();
    // An answer, with recursion, to one question.
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend_from_slice(&rest[..end + KIND_BYTES]);
    for address in found {
        // The name of the question, kind A, of the Internet, for no time, four bytes.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    answer
}

/// A name as text: labels, each after its length, up to an empty one.
fn named(mut labels: &[u8]) -> String {
    let mut names = Vec::new();
    while let Some((length, rest)) = labels.split_first().filter(|(length, _)| **length > 0) {
        let (label, rest) = rest.split_at(usize::from(*length));
        names.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        labels = rest;
    }
    names.join(".")
}

#[test]
fn a_name_that_moves_into_this_machine_or_is_in_two_places_leads_nowhere_else() {
    let prepare = format!(
        "ip addr add {PUBLIC}/32 dev lo && ip addr add {PRIVATE}/32 dev lo && \
         mount -t tmpfs none /mnt && echo nameserver 127.0.0.1 > /mnt/resolv.conf && \
         echo hosts: files dns > /mnt/nsswitch.conf && \
         mount --bind /mnt/resolv.conf /etc/resolv.conf && \
         mount --bind /mnt/nsswitch.conf /etc/nsswitch.conf"
    );
    let own = "dns::a_name_that_moves_into_this_machine_or_is_in_two_places_leads_nowhere_else";
    if !is_inside(own, &prepare) {
        return;
    }
    let here = Ipv4Addr::LOCALHOST;
    let asked = serve(Answers::from([
        ("moving.test", vec![vec![PUBLIC], vec![here]]),
        ("mixed.test", vec![vec![PUBLIC, PRIVATE]]),
        ("private.test", vec![vec![PRIVATE]]),
    ]));
    let server = Server::new(&format!("{PUBLIC}:0"), hello);
    let port = server.port;
    let others = [here, PRIVATE].map(|place| Server::new(&format!("{place}:{port}"), hello));
    let names = ["moving", "moving", "mixed", "private"];
    let urls = names.map(|name| format!("http://{name}.test:{port}/"));
    let script: String = urls.iter().map(|url| get(url)).collect();
    let rules = ["moving", "mixed", "private"]
        .map(|name| format!("[[steps.http]]\nurl = \"http://{name}.test:{port}/*\"\n"))
        .join("\n");
    let Some(project) = project(&script, &rules) else {
        return;
    };
    let ended = project.run(&["--audit", "audit.jsonl"]);
    let denied = |url: &str| format!("GET {url}: ErrorCode::HttpRequestDenied");
    let [first, second, mixed, private] = &urls;
    let answered = format!("GET {first}: 200, 5 bytes \"hello\"");
    let expected = [answered, denied(second), denied(mixed), denied(private)];
    assert_eq!(printed(&ended), expected);
    assert_eq!(server.heads().len(), 1);
    assert!(others.iter().all(|other| other.heads().is_empty()));
    // Each request looked its name up once, so that what was decided about is what was connected to.
    let names = names.map(|name| format!("{name}.test"));
    assert_eq!(*asked.lock().unwrap(), names);
    let audit = std::fs::read_to_string(project.path("audit.jsonl")).unwrap();
    for address in [here, PRIVATE] {
        let told = format!("is at {address}, which is special");
        assert!(audit.contains(&told), "`{told}` is not in:\n{audit}");
    }
}
