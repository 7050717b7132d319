//! Rules on one column of texts, looked at together: what all of them found right is not asked about again.

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use regex::Regex;

use super::compile::plain;
use super::known::Known;
use super::{Check, Checks, Tally, Test, keys, spelt_out, texts};

/// Texts that a partition remembers of a column: at first as many as stay in the cache that is closest to a core, 64 KiB,
/// and at most 4 MiB. What is beyond that costs as much to look up as to look at.
const REMEMBERED_MIN: usize = 1 << 12;
const REMEMBERED_MAX: usize = 1 << 18;

/// How many times as many are remembered where there are too few.
const GROWTH: usize = 8;

/// Texts whose numbers stand side by side: a line of a cache.
const WAYS: usize = 4;

/// No text has it for its number.
const NONE: u128 = u128::MAX;

/// Rules on one column.
#[derive(Debug)]
pub(super) struct Together {
    column: usize,
    /// Their places in the list of all.
    rules: Vec<usize>,
}

/// What a partition knows of the texts of a column: those that are right by all rules.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// By their numbers, each in the line where its bits say. Empty where it is of no use to remember them.
    lines: Vec<[u128; WAYS]>,
    /// Whether it was found to be of no use.
    useless: bool,
    /// The place in a line that is given away next.
    next: usize,
    /// Rows since it was last decided how many are remembered, and those whose text was.
    looked: usize,
    found: usize,
    /// Threads that look with the same one wait for each other. By the place of the rule.
    patterns: Vec<Option<Regex>>,
}

/// A row whose text is not known to be right, and the number of that.
struct Unsure {
    row: usize,
    number: u128,
    is_right: bool,
}

impl Together {
    /// Takes the rules on the values of a column of texts, column by column.
    pub(super) fn all(list: &mut [Check], schema: &Schema) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (at, check) in list.iter_mut().enumerate() {
            let ([column], Test::Known(_) | Test::Range(_)) = (&*check.columns, &check.test) else {
                continue;
            };
            let field = schema.fields().get(*column);
            if !field.is_some_and(|field| texts::is_text(plain(field.data_type()))) {
                continue;
            }
            check.is_of_texts = true;
            match all.iter_mut().find(|group| group.column == *column) {
                Some(group) => group.rules.push(at),
                None => all.push(Self {
                    column: *column,
                    rules: vec![at],
                }),
            }
        }
        all
    }

    /// Looks at the next rows.
    pub(super) fn look(
        &self,
        batch: &RecordBatch,
        checks: &Checks,
        verdicts: &mut Verdicts,
        tallies: &mut [Tally],
    ) {
        let Some(column) = batch.columns().get(self.column).map(spelt_out) else {
            return;
        };
        let nulls = keys::nulls(std::slice::from_ref(&column));
        let nulls = nulls.as_ref();
        let values = batch.num_rows() - nulls.map_or(0, arrow::buffer::NullBuffer::null_count);
        let mut unsure = verdicts.unsure(&column, checks);
        if let Some(nulls) = nulls {
            unsure.retain(|unsure| nulls.is_valid(unsure.row));
        }
        verdicts.patterns.resize_with(self.rules.len(), || None);
        for (at, pattern) in self.rules.iter().zip(&mut verdicts.patterns) {
            let (Some(check), Some(tally)) = (checks.list.get(*at), tallies.get_mut(*at)) else {
                continue;
            };
            tally.checked += values as u64;
            if unsure.is_empty() {
                continue;
            }
            let wrong = wrong(&check.test, &column, &mut unsure, pattern);
            check.violated(batch, &wrong, tally);
        }
        for right in unsure.iter().filter(|unsure| unsure.is_right) {
            verdicts.remember(right.number, checks);
        }
        // A rule alone costs no more than to find its texts in what no core's cache holds.
        let slots_max = match self.rules.len() {
            1 => REMEMBERED_MIN,
            _ => REMEMBERED_MAX,
        };
        verdicts.adapt(checks, slots_max);
    }
}

/// The rows that violate a rule, of which a note is made.
fn wrong(
    test: &Test,
    column: &ArrayRef,
    unsure: &mut [Unsure],
    pattern: &mut Option<Regex>,
) -> Vec<usize> {
    match test {
        Test::Known(Known::Pattern(shared)) => {
            let pattern = pattern.get_or_insert_with(|| shared.clone());
            each_wrong(unsure, |one| pattern.is_match(texts::text(column, one.row)))
        }
        Test::Known(Known::Values(set, _)) => each_wrong(unsure, |one| set.has_text(one.number)),
        Test::Range(bounds) => {
            let bound = |bound: &Option<ArrayRef>| {
                let bound = bound.as_ref().filter(|bound| !bound.is_empty());
                bound.map(|bound| texts::text(bound, 0).to_owned())
            };
            let (min, max) = (bound(&bounds.min), bound(&bounds.max));
            each_wrong(unsure, |one| {
                let text = texts::text(column, one.row);
                min.as_deref().is_none_or(|min| min <= text)
                    && max.as_deref().is_none_or(|max| text <= max)
            })
        }
        _ => Vec::new(),
    }
}

fn each_wrong(unsure: &mut [Unsure], is_right: impl Fn(&Unsure) -> bool) -> Vec<usize> {
    let mut wrong = Vec::new();
    for one in unsure {
        if !is_right(one) {
            one.is_right = false;
            wrong.push(one.row);
        }
    }
    wrong
}

impl Verdicts {
    /// The rows whose text is not remembered; those with a null may be among them.
    fn unsure(&mut self, column: &ArrayRef, checks: &Checks) -> Vec<Unsure> {
        if self.lines.is_empty() && !self.useless {
            self.lines = vec![[NONE; WAYS]; REMEMBERED_MIN / WAYS];
        }
        let (seeds, spreading) = (&checks.seeds, checks.seeds.spreading());
        let (lines, shift) = (&*self.lines, shift(self.lines.len()));
        let mut unsure = Vec::new();
        let hash = |text: &str| seeds.text(text);
        texts::each(column, hash, |row, number| {
            let line = lines.get((spreading.hash(number) >> shift) as usize);
            if !line.is_some_and(|line| line.contains(&number)) {
                unsure.push(Unsure {
                    row,
                    number,
                    is_right: true,
                });
            }
        });
        self.looked += column.len();
        self.found += column.len() - unsure.len();
        unsure
    }

    fn remember(&mut self, number: u128, checks: &Checks) {
        let at = checks.seeds.spreading().hash(number) >> shift(self.lines.len());
        let Some(line) = self.lines.get_mut(at as usize) else {
            return;
        };
        // Of one batch, the same text may be told more than once.
        if line.contains(&number) {
            return;
        }
        let free = line.iter().position(|known| *known == NONE);
        self.next = (self.next + 1) % WAYS;
        if let Some(place) = line.get_mut(free.unwrap_or(self.next)) {
            *place = number;
        }
    }

    /// Remembers more where too few were found, and none where that is of no use either.
    fn adapt(&mut self, checks: &Checks, slots_max: usize) {
        let slots = self.lines.len() * WAYS;
        if self.useless || self.looked < GROWTH * slots {
            return;
        }
        if 4 * self.found < 3 * self.looked {
            if slots < slots_max {
                let lines = vec![[NONE; WAYS]; self.lines.len() * GROWTH];
                let old = std::mem::replace(&mut self.lines, lines);
                for number in old.into_iter().flatten().filter(|number| *number != NONE) {
                    self.remember(number, checks);
                }
            } else if 8 * self.found < self.looked {
                self.lines = Vec::new();
                self.useless = true;
            }
        }
        (self.looked, self.found) = (0, 0);
    }
}

/// How far the bits of a hash are moved to be the place of a line.
const fn shift(lines: usize) -> u32 {
    match lines.checked_ilog2() {
        Some(bits) if bits > 0 => u64::BITS - bits,
        // There is no such line.
        _ => 0,
    }
}
