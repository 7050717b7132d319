use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use super::*;
use crate::Fault;
use crate::harness::Fakes;

fn fakes() -> Fakes {
    let letters = ["a", "b/c", "b/d", "b/e", "bb", "f"].map(|path| (path, path.repeat(3)));
    let fakes = Fakes::new().folder("in", letters);
    fakes.install();
    fakes
}

fn kinds<T>(done: Result<T, Error>) -> ErrorKind {
    done.err().unwrap().kind()
}

#[test]
fn a_listing_goes_on_through_all_its_pages() {
    fakes();
    let folder = Folder::open("in").unwrap();
    let paths = |prefix: &str| -> Vec<String> {
        folder
            .list(prefix)
            .map(|object| object.unwrap().path)
            .collect()
    };
    assert_eq!(paths(""), ["a", "b/c", "b/d", "b/e", "bb", "f"]);
    assert_eq!(paths("b"), ["b/c", "b/d", "b/e"]);
    assert_eq!(folder.list("../x").count(), 1);
}

#[test]
fn each_mistake_has_its_kind_and_names_what_it_is_about() {
    fakes();
    let folder = Folder::open("in").unwrap();
    assert_eq!(kinds(Folder::open("out")), ErrorKind::Denied);
    assert_eq!(kinds(folder.head("x")), ErrorKind::Missing);
    assert_eq!(kinds(folder.head("../x")), ErrorKind::Malformed);
    assert_eq!(kinds(folder.create("a")), ErrorKind::Exists);
    assert_eq!(kinds(folder.read_all("a", 2)), ErrorKind::Limit);
    assert_eq!(folder.read_all("a", 3).unwrap(), b"aaa");
    assert_eq!(
        kinds(folder.read("a", 0, PIECE_BYTES_MAX + 1)),
        ErrorKind::Limit
    );

    let error = folder.head("x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x` in folder `in`: there is no such object"
    );
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(matches!(Fault::from(error), Fault::Data(_)));
}

#[test]
fn a_reader_reads_seeks_and_ends() {
    let lines: Vec<_> = (0..300_000).map(|line| line.to_string()).collect();
    let text = lines.join("\n") + "\n";
    Fakes::new().folder("in", [("lines", &*text)]).install();
    let folder = Folder::open("in").unwrap();
    let mut reader = folder.reader("lines").unwrap();
    assert_eq!(reader.size(), text.len() as u64);
    assert!(reader.by_ref().lines().map(Result::unwrap).eq(lines));

    let mut last = String::new();
    reader.seek(SeekFrom::End(-7)).unwrap();
    reader.read_to_string(&mut last).unwrap();
    assert_eq!(last, "299999\n");
    assert_eq!(reader.seek(SeekFrom::Start(2)).unwrap(), 2);
    reader.read_line(&mut last).unwrap();
    assert_eq!(last, "299999\n1\n");
    assert_eq!(reader.stream_position().unwrap(), 4);
    assert!(reader.seek(SeekFrom::Current(-5)).is_err());
}

#[test]
fn what_is_written_appears_when_it_is_finished_and_once() {
    let fakes = fakes();
    let folder = Folder::open("in").unwrap();
    let mut writer = folder.create("new").unwrap();
    let large = vec![7; 3 << 20];
    writer.write_all(&large).unwrap();
    writer.flush().unwrap();
    assert_eq!(fakes.written("in", "new"), None);
    assert_eq!(writer.finish().unwrap().size, large.len() as u64);
    assert_eq!(fakes.written("in", "new"), Some(large));
    assert_eq!(kinds(folder.head("new")), ErrorKind::Missing);
    assert_eq!(kinds(folder.overwrite("new")), ErrorKind::Exists);

    drop(folder.overwrite("a").unwrap());
    assert_eq!(fakes.written("in", "a"), None);
    folder.delete("f").unwrap();
    assert!(fakes.is_deleted("in", "f"));
    assert!(!fakes.is_deleted("in", "a"));
}
