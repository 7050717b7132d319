use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Uri> {
    let base = Uri::parse_folder("/base/dir").unwrap();
    Uri::parse(text, Some(&base))
}

/// The canonical form, or the error.
fn show(text: &str) -> String {
    match parse(text) {
        Ok(uri) => uri.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn texts_have_one_canonical_form() {
    let table = [
        ("a.csv", "/base/dir/a.csv"),
        ("./a//b/./c.csv", "/base/dir/a/b/c.csv"),
        ("../a.csv", "/base/a.csv"),
        ("x/../a.csv", "/base/dir/a.csv"),
        ("/a/b/", "/a/b/"),
        (".", "/base/dir/"),
        ("..", "/base/"),
        ("/", "/"),
        ("a%20b.csv", "/base/dir/a%20b.csv"),
        ("file:///a%20b.csv", "/a b.csv"),
        ("FILE://localhost/a//b", "/a/b"),
        ("x#1", "/base/dir/x#1"),
        ("%2e%2e/a", "/base/dir/%2e%2e/a"),
        ("\u{2024}\u{2024}/a", "/base/dir/\u{2024}\u{2024}/a"),
        ("s3://bucket/a/../b/c.csv", "s3://bucket/b/c.csv"),
        ("s3://bucket", "s3://bucket/"),
        ("S3://bucket/a%2Ab", "s3://bucket/a%2Ab"),
        ("s3://bucket/x#1", "s3://bucket/x%231"),
        ("gs://bucket.example/a", "gs://bucket.example/a"),
        ("GS://b_1/x/../a.csv", "gs://b_1/a.csv"),
        ("az://container", "az://container/"),
        ("az://my-container/a%20b.csv", "az://my-container/a%20b.csv"),
        (
            "abfss://data@Account1.DFS.core.windows.net/a/*.csv",
            "abfss://data@account1.dfs.core.windows.net/a/*.csv",
        ),
        (
            "oci://My.Bucket_1@tenancy/a/",
            "oci://My.Bucket_1@tenancy/a/",
        ),
        ("https://Example.COM:443/a.csv", "https://example.com/a.csv"),
        ("http://127.0.0.1:8080/a%20b", "http://127.0.0.1:8080/a%20b"),
        ("http://[::1]:9/a", "http://[::1]:9/a"),
        ("data/*.csv", "/base/dir/data/*.csv"),
        ("data/**/x-?.csv", "/base/dir/data/**/x-?.csv"),
        ("data/*/", "/base/dir/data/*/**/*"),
        ("s3://bucket/p/part-?.csv", "s3://bucket/p/part-?.csv"),
    ];
    for (text, canonical) in table {
        assert_eq!(show(text), canonical, "{text}");
    }
}

#[test]
fn wrong_texts_say_which_part_is_wrong() {
    let table = [
        ("", "URI is empty"),
        ("a\0b", "control character at byte 1"),
        ("a\nb", "control character"),
        ("../../../x", "`..` leads above the root"),
        ("s3://bucket/../x", "`..` leads above the root"),
        ("s3://bucket/%2e%2e/x", "hides dots behind `%`"),
        ("file:///a/%2E%2E/b", "hides dots behind `%`"),
        ("s3://bucket/a%2fb", "hides a separator"),
        ("file:///a%2Fb", "hides a separator"),
        ("file:///a%5Cb", "hides a separator"),
        ("file:///a%00b", "hides a separator or a control character"),
        ("s3://bucket/%zz", "`%zz` is malformed"),
        ("s3://bucket/%ff", "`%ff` is malformed"),
        ("a\\..\\b", "backslash"),
        ("s3://bucket/a//b", "empty name"),
        ("s3:///key", "names no bucket"),
        ("s3://Bu/key", "bucket `Bu` is malformed"),
        ("s3:bucket/key", "`s3:` is not followed by `//`"),
        ("file://host/a", "names a host `host`"),
        ("gcs://bucket/a", "scheme `gcs://` is not supported"),
        ("gs:///a", "names no bucket"),
        ("gs://-bucket/a", "bucket `-bucket` is malformed"),
        ("gs://Bucket/a", "bucket `Bucket` is malformed"),
        ("gs://a..b/a", "bucket `a..b` is malformed"),
        ("gs:bucket/a", "`gs:` is not followed by `//`"),
        ("az:///a", "names no container"),
        ("az://ab/a", "container `ab` is malformed"),
        ("az://a--b/a", "container `a--b` is malformed"),
        ("az://a.b/a", "container `a.b` is malformed"),
        ("abfss://data/a", "names no account"),
        ("abfss://@mine.dfs.core.windows.net/a", "names no container"),
        ("abfss://data@/a", "host `` is no account's"),
        (
            "abfss://data@mine.blob.core.windows.net/a",
            "host `mine.blob.core.windows.net` is no account's",
        ),
        (
            "abfss://data@evil.com.dfs.core.windows.net/a",
            "account `evil.com` is malformed",
        ),
        ("oci://bucket/a", "names no namespace"),
        ("oci:///a", "names no bucket"),
        ("oci://@tenancy/a", "names no bucket"),
        ("oci://bucket@/a", "names no namespace"),
        (
            "oci://bucket@evil.example/a",
            "namespace `evil.example` is malformed",
        ),
        ("oci://bucket@Tenancy/a", "namespace `Tenancy` is malformed"),
        ("oci://..@tenancy/a", "bucket `..` is malformed"),
        ("oci://b%2F@tenancy/a", "bucket `b%2F` is malformed"),
        ("s3a://bucket/a", "scheme `s3a://` is not supported"),
        ("https:///a", "names no host"),
        ("https://a b/c", "host `a b` is malformed"),
        ("https://host/a?b=c", "query or a fragment"),
        ("https://host/a#b", "query or a fragment"),
        ("https://host/folder/", "folder or a glob"),
        ("https://host/*.csv", "folder or a glob"),
        ("a/***/b", "glob `***/b` is malformed"),
        ("a/[b", "glob `[b` is malformed"),
        ("~/a", "`~` stands for no folder"),
    ];
    for (text, message) in table {
        let error = show(text);
        assert!(
            error.starts_with("error: ") && error.contains(message),
            "{text}: {error}"
        );
    }
}

#[test]
fn lengths_are_bounded() {
    assert!(parse(&format!("s3://bucket/{}", "k".repeat(1024))).is_ok());
    assert!(parse(&format!("s3://bucket/{}", "k".repeat(1025))).is_err());
    assert!(parse(&format!("/{}", "n".repeat(255))).is_ok());
    assert!(parse(&format!("/{}", "n".repeat(256))).is_err());
    assert!(parse(&"n/".repeat(2048)).is_ok());
    assert!(parse(&"n/".repeat(2049)).is_err());
}

#[test]
fn credentials_are_refused_and_not_repeated() {
    for text in [
        "s3://AKIA:hunter2@bucket/key",
        "https://user:hunter2@host/a",
        "https://hunter2@host/a",
        "https://host/a?X-Amz-Signature=hunter2",
        "s3://bucket/a?AWSAccessKeyId=hunter2",
        "file://hunter2@localhost/a",
        "https://host/a?x=1&sig=hunter2",
        "gs://hunter2@bucket/a",
        "az://container/a?sv=1&sig=hunter2",
        "az://hunter2@container/a",
        "abfss://user:hunter2@mine.dfs.core.windows.net/a",
        "oci://key:hunter2@tenancy/a",
        "oci://key@hunter2@tenancy/a",
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            !format!("{error:?} {:?}", error.hints()).contains("hunter2"),
            "{text}: {error}"
        );
        assert!(error.hints()[0].contains("environment"), "{text}");
    }
}

#[test]
fn glob_splits_into_folder_and_pattern() {
    let uri = parse("s3://bucket/a%2A/b/*.csv").unwrap();
    let (folder, pattern) = uri.split_glob();
    assert_eq!((folder.path(), folder.is_folder()), ("a*/b", true));
    assert_eq!(pattern, Some("*.csv"));
    // What is encoded is literal, in the glob as well.
    let uri = parse("s3://bucket/*/x%2A.csv").unwrap();
    assert_eq!(uri.pattern(), Some("*/x[*].csv"));
    assert_eq!(parse("a.csv").unwrap().pattern(), None);
}

#[test]
fn place_contains_what_is_below_it() {
    let relative = |outer: &str, inner: &str| {
        let (outer, inner) = (parse(outer).unwrap(), parse(inner).unwrap());
        assert_eq!(outer.contains(&inner), outer.relative(&inner).is_some());
        outer.relative(&inner).map(str::to_owned)
    };
    assert_eq!(relative("/a/b", "/a/b/c/d.csv").as_deref(), Some("c/d.csv"));
    assert_eq!(relative("/a/b/", "/a/b").as_deref(), Some(""));
    assert_eq!(relative("/a", "/a/b/*.csv").as_deref(), Some("b"));
    assert_eq!(relative("/", "/a").as_deref(), Some("a"));
    assert_eq!(relative("/a/b", "/a/bc"), None);
    assert_eq!(relative("/a/b", "/a"), None);
    assert_eq!(relative("s3://one/a", "s3://two/a/b"), None);
    assert_eq!(relative("s3://one", "/a"), None);
}

#[test]
fn relative_texts_stay_in_the_store_of_the_file() {
    let base = Uri::parse_folder("s3://bucket/apps/app.toml").unwrap();
    assert_eq!(base.to_string(), "s3://bucket/apps/");
    let uri = Uri::parse("../data/a.csv", Some(&base)).unwrap();
    assert_eq!(uri.to_string(), "s3://bucket/data/a.csv");
    assert!(Uri::parse("../../a", Some(&base)).is_err());
    assert!(Uri::parse("a.csv", None).is_err());
}

#[test]
fn unknown_scheme_gets_nearest() {
    assert_eq!(
        parse("htps://host/a").unwrap_err().hints(),
        ["did you mean `https://`?"]
    );
    assert_eq!(
        parse("s3a://bucket/a").unwrap_err().hints(),
        ["did you mean `s3://`?"]
    );
}

/// What each wrong URI is told in full.
#[test]
fn every_wrong_part_gets_the_form_that_is_expected() {
    let told = [
        "gcs://bucket/a",
        "azure://container/a",
        "wasbs://container@mine.blob.core.windows.net/a",
        "ftp://host/a",
        "gs://Bucket/a",
        "az://a--b/a",
        "az://key@container/a",
        "abfss://data/a",
        "abfss://data@mine.blob.core.windows.net/a",
        "abfss://data@mi-ne.dfs.core.windows.net/a",
        "oci://bucket/a",
        "oci://b!@tenancy/a",
        "oci://bucket@Tenancy/a",
    ]
    .map(|text| {
        let error = parse(text).unwrap_err();
        format!("{text}\n  {error}\n  {}", error.hints().join("\n  "))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_web_address_names_one_file_where_it_is_relative_too() {
    let base = Uri::parse_folder("https://host/data").unwrap();
    for text in [".", "folder/", "part-*.csv", "a?b"] {
        let error = Uri::parse(text, Some(&base)).unwrap_err().to_string();
        assert_eq!(error, "web address is a folder or a glob", "{text}");
    }
    let file = Uri::parse("a.csv", Some(&base)).unwrap();
    assert_eq!(file.to_string(), "https://host/data/a.csv");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    /// An authority is shown as it was read, and nothing of it becomes another part of a request's address.
    #[test]
    fn authorities_read_back(text in "(s3|gs|az|abfss|oci)://[a-zA-Z0-9@.:%_-]{0,40}(\\.dfs\\.core\\.windows\\.net)?/a") {
        if let Ok(uri) = parse(&text) {
            prop_assert_eq!(uri.path(), "a");
            prop_assert!(!uri.authority().contains(['/', '?', '#', '%', ':', ' ']));
            prop_assert_eq!(parse(&uri.to_string()).unwrap(), uri);
        }
    }

    #[test]
    fn canonical_form_is_stable(
        text in "(s3://bucket/|gs://bucket/|az://container/|abfss://data@mine.dfs.core.windows.net/|oci://b@ns/|file:///|/|http://host/)?[a-z%20*?\\[\\]./#~ \u{e9}-]{0,30}"
    ) {
        if let Ok(uri) = parse(&text) {
            prop_assert!(!uri.path().split('/').any(|name| name == "." || name == ".."));
            prop_assert!(uri.path().is_empty() || !uri.path().split('/').any(str::is_empty));
            // Paths are shown as they are, in which a star would be a glob.
            if uri.pattern().is_none() && !uri.path().contains(['*', '?', '[']) {
                prop_assert_eq!(parse(&uri.to_string()).unwrap(), uri);
            }
        }
    }
}
