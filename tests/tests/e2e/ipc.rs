//! Arrow files and streams: what is read of them, and lengths in them that are not true.

#![expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the format's lengths are signed, and those of true files small"
)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, NullArray, RecordBatch, StringArray,
    StringViewArray,
};
use arrow::ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, Message, root_as_footer, root_as_message};

use crate::project::Project;

const MIB: u64 = 1 << 20;

/// What the command may hold while it refuses a small file.
const OWN_BYTES: u64 = 128 * MIB;

/// Rows of a batch; no other number in its metadata is like it.
const ROWS: i64 = 1_237;

/// Values of a dictionary.
const WORDS: [&str; 3] = ["one", "two", "three"];

/// What no file of these tests has.
const ENDLESS: i64 = 1 << 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    File,
    Stream,
}

const FORMS: [Form; 2] = [Form::File, Form::Stream];

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    let options = IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
    options.try_with_compression(compression).unwrap()
}

fn written(form: Form, batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let schema = batches[0].schema();
    match form {
        Form::File => {
            let writer = FileWriter::try_new_with_options(Vec::new(), &schema, options);
            let mut writer = writer.unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.into_inner().unwrap()
        }
        Form::Stream => {
            let writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options);
            let mut writer = writer.unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.into_inner().unwrap()
        }
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

/// A dictionary, numbers, texts, views and nulls.
fn rows(from: i64, count: i64) -> RecordBatch {
    let numbers = from..from + count;
    let texts: Vec<String> = numbers
        .clone()
        .map(|n| format!("a text of some length {n}"))
        .collect();
    // The first batch knows fewer words than the others.
    let known = if from == 0 { 2 } else { 3 };
    let keys = Int32Array::from_iter_values(numbers.clone().map(|n| n as i32 % known));
    let words = StringArray::from_iter_values(&WORDS[..known as usize]);
    let words = DictionaryArray::new(keys, Arc::new(words));
    batch(vec![
        ("d", Arc::new(words)),
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
        ("s", Arc::new(StringArray::from_iter_values(&texts))),
        ("v", Arc::new(StringViewArray::from_iter_values(&texts))),
        ("x", Arc::new(NullArray::new(count as usize))),
    ])
}

/// What `sluice head` shows of a row.
fn line(n: i64) -> String {
    let d = WORDS[n as usize % if n < ROWS { 2 } else { 3 }];
    let text = format!("a text of some length {n}");
    format!("{{\"d\":\"{d}\",\"n\":{n},\"s\":\"{text}\",\"v\":\"{text}\"}}")
}

/// Where the messages of a file or stream have their metadata and their bodies.
fn messages(bytes: &[u8]) -> Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut at = if bytes.starts_with(b"ARROW1") { 8 } else { 0 };
    let mut found = Vec::new();
    loop {
        // A writer may pad behind the magic.
        while bytes[at..at + 4] == [0; 4] {
            at += 4;
        }
        let length = i32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
        if length == 0 {
            return found;
        }
        let metadata = at + 8..at + 8 + length as usize;
        let message = root_as_message(&bytes[metadata.clone()]).unwrap();
        at = metadata.end + message.bodyLength() as usize;
        found.push((metadata.clone(), metadata.end..at));
    }
}

/// The place of the first message of which `is` is true.
fn find(bytes: &[u8], is: fn(Message) -> bool) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let mut messages = messages(bytes).into_iter();
    let found = messages.find(|(at, _)| is(root_as_message(&bytes[at.clone()]).unwrap()));
    found.unwrap()
}

fn is_batch(message: Message) -> bool {
    message.header_as_record_batch().is_some()
}

fn is_dictionary(message: Message) -> bool {
    message.header_as_dictionary_batch().is_some()
}

/// Sets all that is `old` within a range to `new`; fails if nothing is.
fn set(bytes: &mut [u8], within: std::ops::Range<usize>, old: i64, new: i64) {
    let mut found = false;
    for at in within.start..within.end - 7 {
        if bytes[at..at + 8] == old.to_le_bytes() {
            bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
            found = true;
        }
    }
    assert!(found, "{old} is nowhere");
}

/// Fails unless the file is refused by name, in words, and by the process itself.
fn refused(project: &Project, name: &str, bytes: &[u8]) -> String {
    project.write(name, bytes);
    let (ended, peak) = project.measured(&["head", name]);
    assert!(
        matches!(ended.code, Some(3 | 7)),
        "{name}: {:?} {}{}",
        ended.code,
        ended.out,
        ended.err
    );
    assert!(ended.err.contains(name), "{name}: {}", ended.err);
    assert!(peak < OWN_BYTES, "{name}: {} MiB", peak / MIB);
    ended.err
}

fn head(project: &Project, name: &str, count: i64) -> Vec<String> {
    let ended = project.sluice(&["head", name, "--json", "-n", &count.to_string()]);
    assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn all_batches_of_files_and_streams_are_read_in_order() {
    let packed = |compression| options(Some(compression));
    let project = Project::new();
    let batches = [rows(0, ROWS), rows(ROWS, 20_000), rows(ROWS + 20_000, 1)];
    let expected: Vec<String> = (0..ROWS + 20_001).map(line).collect();
    for form in FORMS {
        for (name, options) in [
            ("plain.arrow", options(None)),
            ("lz4.arrow", packed(CompressionType::LZ4_FRAME)),
            ("zstd.arrow", packed(CompressionType::ZSTD)),
        ] {
            project.write(name, written(form, &batches, options));
            assert_eq!(head(&project, name, 30_000), expected, "{form:?} {name}");
        }
    }
    // A stream may also have another dictionary for each batch.
    let resent = written(Form::Stream, &batches, IpcWriteOptions::default());
    project.write("resent.arrow", resent);
    assert_eq!(head(&project, "resent.arrow", 30_000), expected);
}

#[test]
fn columns_are_found_by_name_in_each_file() {
    let numbers = |from: i64| Arc::new(Int64Array::from_iter_values(from..from + 2)) as ArrayRef;
    for form in FORMS {
        let project = Project::new();
        let files = [
            batch(vec![("a", numbers(1)), ("b", numbers(10))]),
            batch(vec![("b", numbers(30)), ("a", numbers(3))]),
            batch(vec![("b", numbers(50))]),
        ];
        for (at, rows) in files.into_iter().enumerate() {
            let bytes = written(form, &[rows], options(None));
            project.write(&format!("in/{at}.arrow"), bytes);
        }
        assert_eq!(
            head(&project, "in", 10),
            [
                "{\"a\":1,\"b\":10}",
                "{\"a\":2,\"b\":11}",
                "{\"a\":3,\"b\":30}",
                "{\"a\":4,\"b\":31}",
                "{\"b\":50}",
                "{\"b\":51}",
            ],
            "{form:?}"
        );
    }
}

#[test]
fn a_message_that_says_to_be_endless_is_refused() {
    let project = Project::new();
    for (name, is) in [
        ("batch.arrow", is_batch as fn(Message) -> bool),
        ("dictionary.arrow", is_dictionary),
    ] {
        let good = written(Form::Stream, &[rows(0, ROWS)], options(None));
        let (metadata, body) = find(&good, is);
        for length in [ENDLESS, -1, i64::MAX, (body.len() + 1024 * 1024) as i64] {
            let mut bad = good.clone();
            set(&mut bad, metadata.clone(), body.len() as i64, length);
            let told = refused(&project, name, &bad);
            assert!(told.contains("batch 1"), "{told}");
        }
        let mut bad = good.clone();
        bad[metadata.start - 4..metadata.start].copy_from_slice(&i32::MAX.to_le_bytes());
        refused(&project, name, &bad);
    }
}

#[test]
fn a_footer_that_lies_is_refused() {
    let project = Project::new();
    let good = written(Form::File, &[rows(0, ROWS)], options(None));
    let end = good.len() - 10;
    let length = i32::from_le_bytes(good[end..end + 4].try_into().unwrap()) as usize;
    let place = end - length..end;
    let footer = root_as_footer(&good[place.clone()]).unwrap();
    let batches = footer.recordBatches().unwrap();
    let dictionaries = footer.dictionaries().unwrap();
    for (name, block) in [
        ("batch 1", batches.get(0)),
        ("dictionary 1", dictionaries.get(0)),
    ] {
        for old in [block.offset(), block.bodyLength()] {
            for new in [ENDLESS, -1, i64::MAX, good.len() as i64] {
                let mut bad = good.clone();
                set(&mut bad, place.clone(), old, new);
                let told = refused(&project, "footer.arrow", &bad);
                assert!(told.contains(name), "{told}");
            }
        }
    }
    for length in [i32::MAX, i32::MIN, -1, good.len() as i32] {
        let mut bad = good.clone();
        bad[end..end + 4].copy_from_slice(&length.to_le_bytes());
        refused(&project, "long.arrow", &bad);
    }
}

#[test]
fn buffers_and_rows_that_are_not_there_are_refused() {
    let project = Project::new();
    for form in FORMS {
        let good = written(form, &[rows(0, ROWS)], options(None));
        for is in [is_batch as fn(Message) -> bool, is_dictionary] {
            let (metadata, body) = find(&good, is);
            let message = root_as_message(&good[metadata.clone()]).unwrap();
            let contents = message.header_as_record_batch();
            let contents = contents
                .or_else(|| message.header_as_dictionary_batch()?.data())
                .unwrap();
            let last = contents.buffers().unwrap().iter().next_back().unwrap();
            for old in [last.offset(), last.length(), contents.length()] {
                for new in [ENDLESS, -1, i64::MAX] {
                    let mut bad = good.clone();
                    set(&mut bad, metadata.clone(), old, new);
                    refused(&project, "buffer.arrow", &bad);
                }
            }
            // Every buffer is the whole body: to align each would take a copy of each.
            let mut bad = good.clone();
            for buffer in contents
                .buffers()
                .unwrap()
                .iter()
                .filter(|b| b.length() > 0)
            {
                set(
                    &mut bad,
                    metadata.clone(),
                    buffer.length(),
                    body.len() as i64,
                );
            }
            refused(&project, "over.arrow", &bad);
        }
    }
}

#[test]
fn rows_that_need_no_bytes_are_refused_too() {
    let project = Project::new();
    for form in FORMS {
        let nulls = batch(vec![("x", Arc::new(NullArray::new(ROWS as usize)))]);
        let good = written(form, &[nulls], options(None));
        let (metadata, _) = find(&good, is_batch);
        let mut bad = good.clone();
        set(&mut bad, metadata, ROWS, i64::MAX);
        let told = refused(&project, "nulls.arrow", &bad);
        assert!(told.contains("rows") && told.contains("batch 1"), "{told}");
    }
}

/// Numbers that are alike, so that they are compressed.
fn alike(count: usize) -> RecordBatch {
    batch(vec![("n", Arc::new(Int64Array::from(vec![7; count])))])
}

#[test]
fn a_compressed_buffer_that_says_to_be_endless_is_refused() {
    let project = Project::new();
    for form in FORMS {
        for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            let good = written(form, &[alike(5_003)], options(Some(compression)));
            let (_, body) = find(&good, is_batch);
            for length in [ENDLESS, i64::MAX, i64::MIN, 2 << 30, 1 << 20, 1] {
                let mut bad = good.clone();
                set(&mut bad, body.clone(), 5_003 * 8, length);
                let told = refused(&project, "packed.arrow", &bad);
                assert!(told.contains("batch 1"), "{told}");
            }
        }
    }
}

#[test]
fn a_compressed_buffer_that_is_longer_than_it_says_is_refused() {
    // A quarter of a gigabyte is unpacked unseen.
    const COUNT: usize = 40_000_001;
    let project = Project::new();
    let mut bytes = written(
        Form::File,
        &[alike(COUNT)],
        options(Some(CompressionType::LZ4_FRAME)),
    );
    let (_, body) = find(&bytes, is_batch);
    set(&mut bytes, body, COUNT as i64 * 8, 8);
    let told = refused(&project, "bomb.arrow", &bytes);
    assert!(told.contains("not as long as it says"), "{told}");
}

#[test]
fn offsets_and_views_that_lead_astray_are_refused() {
    let project = Project::new();
    for form in FORMS {
        let texts = [
            "a first text of some length",
            "a second text of some length",
        ];
        let strings = batch(vec![("s", Arc::new(StringArray::from_iter_values(texts)))]);
        let views = batch(vec![(
            "v",
            Arc::new(StringViewArray::from_iter_values(texts)),
        )]);
        for (rows, old) in [(strings, 27_u32), (views, 28)] {
            let good = written(form, &[rows], options(None));
            let (_, body) = find(&good, is_batch);
            let at = good[body.clone()]
                .windows(4)
                .position(|w| w == old.to_le_bytes())
                .unwrap();
            let mut bad = good.clone();
            bad[body.start + at..body.start + at + 4]
                .copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
            let told = refused(&project, "astray.arrow", &bad);
            assert!(told.contains("batch 1"), "{told}");
        }
    }
}
