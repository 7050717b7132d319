//! Matching a request to a rule, slow and plain: what the fast one is compared with.

use crate::spec::HttpRule;

/// Whether a URL, as somebody writes it, is one that a rule allows.
pub(super) fn allows(rule: &HttpRule, method: &str, url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let path = path.split('?').next().unwrap();
    let path = if path.is_empty() { "/" } else { path };
    let scheme_port = if rule.tls {
        ("https", 443)
    } else {
        ("http", 80)
    };
    let mut hosts = vec![format!("{}:{}", rule.host, rule.port)];
    if rule.port == scheme_port.1 {
        hosts.push(rule.host.clone());
    }
    let names: Vec<&str> = path.split('/').skip(1).collect();
    let odd = |name: &str| {
        let lower = name.to_ascii_lowercase();
        name == "." || name == ".." || lower.contains(['\\', ';']) || lower.contains('%')
    };
    let plain = !names.iter().any(|name| odd(name))
        && !names[..names.len() - 1].iter().any(|name| name.is_empty());
    let wanted: Vec<&str> = rule.path.split('/').skip(1).collect();
    let fits = match wanted.split_last() {
        Some((&"*", folders)) => names.len() > folders.len() && names[..folders.len()] == *folders,
        _ => names == wanted,
    };
    scheme == scheme_port.0
        && hosts.contains(&authority.to_ascii_lowercase())
        && rule.methods.iter().any(|allowed| allowed == method)
        && plain
        && fits
}
