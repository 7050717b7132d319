//! Which of the known names somebody probably meant.

/// Names that are compared; a folder of a million files must not make an error slow.
const CANDIDATES_MAX: usize = 10_000;

/// Characters of a name that are compared.
const NAME_CHARS_MAX: usize = 256;

/// The known name that is most like `name`, if one is alike enough to be worth a hint.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(name, known, 1).into_iter().next()
}

/// Up to `most` known names that are alike enough, the likeliest first.
///
/// A name that differs only in case, or in `-` for `_`, is the likeliest of all.
#[must_use]
pub fn nearest_few<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let wanted = fold(name);
    let mut alike: Vec<(f64, &str)> = known
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter_map(|candidate| {
            let likeness = likeness(&wanted, &fold(candidate));
            (likeness >= LIKENESS_MIN).then_some((likeness, candidate))
        })
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    alike.truncate(most);
    alike.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Below this, a hint is more likely to be wrong than right.
const LIKENESS_MIN: f64 = 0.6;

fn fold(name: &str) -> String {
    name.chars()
        .take(NAME_CHARS_MAX)
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .collect()
}

/// From zero to one; what one name is the start of is taken for alike as well.
fn likeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let distance = strsim::normalized_damerau_levenshtein(a, b);
    let starts = a.len().min(b.len()) >= 3 && (a.starts_with(b) || b.starts_with(a));
    if starts { distance.max(0.7) } else { distance }
}
