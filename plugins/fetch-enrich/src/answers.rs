//! Answers that are kept for later batches.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// The fields of a key; `None` where the response has none.
pub type Answer = Rc<[Option<String>]>;

/// Keys that are remembered, so that a run over very many of them does not grow without bound.
pub const N_ANSWERS_MAX: usize = 10_000;
/// Bytes of keys and fields that are remembered, for the same reason.
const N_BYTES_MAX: usize = 16 << 20;

/// Answers by key; the oldest are forgotten first.
#[derive(Debug, Default)]
pub struct Answers {
    known: HashMap<Rc<str>, Answer>,
    oldest: VecDeque<Rc<str>>,
    n_bytes: usize,
}

impl Answers {
    /// What is remembered of a key.
    pub fn get(&self, key: &str) -> Option<Answer> {
        self.known.get(key).cloned()
    }

    /// Remembers a key that is not known yet.
    pub fn keep(&mut self, key: &str, answer: &Answer) {
        let key: Rc<str> = key.into();
        self.n_bytes += n_bytes(&key, answer);
        self.oldest.push_back(Rc::clone(&key));
        self.known.insert(key, Rc::clone(answer));
        while self.oldest.len() > N_ANSWERS_MAX || self.n_bytes > N_BYTES_MAX {
            let Some(oldest) = self.oldest.pop_front() else {
                break;
            };
            if let Some(answer) = self.known.remove(&oldest) {
                self.n_bytes -= n_bytes(&oldest, &answer);
            }
        }
    }
}

fn n_bytes(key: &str, answer: &Answer) -> usize {
    let fields = answer.iter().flatten();
    key.len() + fields.map(String::len).sum::<usize>()
}
