//! Policy files in every syntax.

use sluicegate::policy::{Action, Context, Policies, PolicyFile, Principal, Request, Syntax};

use crate::check_told;

/// The first byte tells the syntax. What is accepted is decided by, and has one canonical form that says the same.
pub(crate) fn policy(bytes: &[u8]) {
    let Some((choice, content)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(content) else {
        return;
    };
    let syntaxes = [Syntax::Toml, Syntax::Json, Syntax::Cedar];
    let Some(syntax) = syntaxes.get(usize::from(*choice) % syntaxes.len()) else {
        return;
    };
    let file = match PolicyFile::parse(text, "policy", *syntax, None) {
        Ok(file) => file,
        Err(error) => return check_told(&error),
    };
    match file.format(text, "policy") {
        Ok(once) => {
            let again = PolicyFile::parse(&once, "policy", *syntax, None).unwrap();
            assert_eq!(again.format(&once, "policy").unwrap(), once);
        }
        Err(error) => check_told(&error),
    }
    let snapshot = Policies::new(vec![file])
        .snapshot(&Principal::user("anna").unwrap())
        .unwrap();
    let request = Request::new(Action::ObjectGet, "s3://raw/sales/x", Context::default());
    let request = request.unwrap();
    let decision = snapshot.decide(&request);
    let explanation = snapshot.explain(&request, decision);
    assert!(!explanation.text().is_empty());
}

/// A resource: one form, in which it is read again.
pub(crate) fn resource(bytes: &[u8]) {
    let Some((choice, content)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(content) else {
        return;
    };
    let Some(action) = Action::ALL.get(usize::from(*choice) % Action::ALL.len()) else {
        return;
    };
    match Request::new(*action, text, Context::default()) {
        Ok(request) => {
            let shown = request.resource().to_string();
            let mut names = request.resource().name().split('/');
            assert!(
                !names.any(|name| matches!(name, "" | "." | "..")),
                "{shown}"
            );
            assert_eq!(
                Request::new(*action, &shown, Context::default()).unwrap(),
                request
            );
        }
        Err(error) => check_told(&error),
    }
}
