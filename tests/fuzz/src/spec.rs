//! Application files, URIs and schema files.

use std::collections::BTreeMap;

use sluicegate::spec::{ApplicationFile, Uri, parse_schema, schema_to_toml};

use crate::check_told;

/// An application file, with the parameters that it has defaults for.
pub(crate) fn application(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let given = BTreeMap::new();
    let built_in = BTreeMap::from([("run.id".to_owned(), "1".to_owned())]);
    let file = ApplicationFile::parse(text, "app.toml");
    match file.and_then(|file| file.resolve("/base", &given, &built_in)) {
        Ok(application) => assert!(!application.inputs.is_empty()),
        Err(error) => check_told(&error),
    }
}

/// A URI, taken from a folder that the first line names.
pub(crate) fn uri(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (base, text) = text.split_once('\n').unwrap_or(("/base/dir", text));
    let base = Uri::parse_folder(base).ok();
    match Uri::parse(text, base.as_ref()) {
        Ok(uri) => check_uri(&uri),
        Err(error) => check_told(&error),
    }
}

fn check_uri(uri: &Uri) {
    let mut names = uri.path().split('/');
    assert!(!names.any(|name| name == "." || name == ".."), "{uri}");
    assert!(uri.as_folder().contains(uri), "{uri}");
    assert!(uri.parent().as_folder().contains(uri), "{uri}");
    let (folder, _) = uri.split_glob();
    assert!(
        folder.as_folder().contains(uri) || uri.pattern().is_none(),
        "{uri}"
    );
    // A path is shown as it is, in which a star would be a glob.
    if uri.pattern().is_none() && !uri.path().contains(['*', '?', '[']) {
        let again = Uri::parse(&uri.to_string(), None);
        assert_eq!(again.unwrap(), *uri);
    }
}

/// A schema file, written anew and read again.
pub(crate) fn schema(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match parse_schema(text, "schema.toml") {
        Ok(schema) => {
            let written = schema_to_toml(&schema).unwrap();
            assert_eq!(parse_schema(&written, "schema.toml").unwrap(), schema);
        }
        Err(error) => check_told(&error),
    }
}
