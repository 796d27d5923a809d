//! Whether a raw stack and a label belong together: their sections by name, their axes by direction.

use em_io::Volume;

use crate::check::finding::{Finding, Severity};
use crate::{Observer, Result};

/// The most names that are listed.
const LISTED: usize = 4;

/// Tells what may be wrong with a pair.
///
/// # Errors
///
/// Fails with the first thing that is wrong; and with [`Error::Stopped`](crate::Error::Stopped).
pub(crate) fn check(what: &str, raw: &Volume, label: &Volume, observer: &mut Observer<'_>) -> Result<()> {
    findings(what, raw, label).into_iter().try_for_each(|finding| match finding.severity {
        Severity::Error => Err(finding.into_error().into()),
        _ => observer.warn(&finding.on_one_line()),
    })
}

/// Finds what says that two volumes, of which `what` is the second, do not belong together. Their
/// shapes are not looked at.
pub(crate) fn findings(what: &str, raw: &Volume, label: &Volume) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(names), Some(of_label)) = (&raw.info().section_names, &label.info().section_names) {
        findings.extend(of_names(what, names, of_label));
    }
    if let (Some(raw), Some(label)) = (raw.info().orientation, label.info().orientation)
        && raw != label
    {
        let [raw, label] = [raw, label].map(String::from_iter);
        let found = format!("the axes of {what} run to {label} (x, y, z), as its NIfTI header says");
        let finding = Finding::warning(found).expected(format!("{raw}, as those of what it belongs to"));
        findings.push(finding.hint(
            "one is perhaps mirrored against the other: nibabel.as_closest_canonical brings both into one orientation",
        ));
    }
    let path = label.path();
    findings.into_iter().map(|finding| path.map_or(finding.clone(), |path| finding.file(path))).collect()
}

/// Compares the names of sections.
fn of_names(what: &str, raw: &[String], label: &[String]) -> Option<Finding> {
    let [raw_keys, label_keys] = [keys(raw)?, keys(label)?];
    if raw_keys == label_keys {
        return None;
    }
    let without = |names: &[String], keys: &[Key], others: &[Key]| -> Vec<String> {
        names
            .iter()
            .zip(keys)
            .filter(|(_, key)| !others.contains(key))
            .map(|(name, _)| name.clone())
            .collect()
    };
    let unlabelled = without(raw, &raw_keys, &label_keys);
    let extra = without(label, &label_keys, &raw_keys);
    let shared = raw.len() - unlabelled.len();
    let by_order = "sections are paired by their order: check that the first ones belong together";
    if raw.len() == label.len()
        && (2 * shared < raw.len() || are_counted(&raw_keys) && are_counted(&label_keys))
    {
        let found = format!(
            "the sections of {what} have other numbers or names, `{}` to `{}`",
            label[0],
            label[label.len() - 1]
        );
        let expected = format!("`{}` to `{}`, as in what it belongs to", raw[0], raw[raw.len() - 1]);
        return Some(Finding::warning(found).expected(expected).hint(by_order));
    }
    let mut parts = Vec::new();
    if !unlabelled.is_empty() {
        parts.push(format!("none for {}", listed(&unlabelled)));
    }
    if !extra.is_empty() {
        parts.push(format!("{} without a partner", listed(&extra)));
    }
    if parts.is_empty() {
        parts.push("the same names in another order".into());
    }
    let found = format!("{what} has {}", parts.join(", and "));
    Some(Finding::error(found).hint(
        "sections are paired by the numbers in their names: add, remove or rename the files that have no partner",
    ))
}

fn listed(names: &[String]) -> String {
    let first = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(LISTED);
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// What sets the name of a section apart from those of its neighbours.
type Key = Vec<Token>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A number without its leading zeros.
    Number(String),
    Text(String),
}

/// The part of each name that is not the same in all of them; `None` where that is no name of its own.
fn keys(names: &[String]) -> Option<Vec<Key>> {
    let tokens: Vec<Key> = names.iter().map(|name| tokens(name)).collect();
    let (first, rest) = tokens.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let shortest = tokens.iter().map(Vec::len).min()?;
    let is_common = |place: &usize| rest.iter().all(|other| other[*place] == first[*place]);
    let before = (0..shortest).take_while(is_common).count();
    let from_end = |key: &Key, place: usize| key[key.len() - 1 - place].clone();
    let is_common =
        |place: &usize| rest.iter().all(|other| from_end(other, *place) == from_end(first, *place));
    let after = (0..shortest - before).take_while(is_common).count();
    Some(tokens.iter().map(|key| key[before..key.len() - after].to_vec()).collect())
}

/// Whether keys are numbers that rise by one.
fn are_counted(keys: &[Key]) -> bool {
    let number = |key: &Key| match key.as_slice() {
        [Token::Number(digits)] => digits.parse::<u64>().ok(),
        _ => None,
    };
    keys.windows(2).all(|pair| match (number(&pair[0]), number(&pair[1])) {
        (Some(a), Some(b)) => b.checked_sub(a) == Some(1),
        _ => false,
    })
}

fn tokens(name: &str) -> Key {
    let name: Vec<char> = name.chars().collect();
    let kind = |letter: char| (letter.is_ascii_digit(), letter.is_alphabetic());
    let runs = name.chunk_by(|a, b| kind(*a) == kind(*b));
    runs.map(|run| {
        let text = String::from_iter(run);
        if run[0].is_ascii_digit() {
            let digits = text.trim_start_matches('0');
            Token::Number(if digits.is_empty() { "0" } else { digits }.to_owned())
        } else {
            Token::Text(text)
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(raw: &[&str], label: &[&str]) -> Option<String> {
        let [raw, label] =
            [raw, label].map(|names| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        of_names("the label `m`", &raw, &label).map(|finding| finding.to_string())
    }

    #[test]
    fn names_that_say_the_same_are_pairs() {
        for (raw, label) in [
            (vec!["img_8", "img_9", "img_10"], vec!["img_8", "img_9", "img_10"]),
            (vec!["s08", "s09", "s10"], vec!["mito-8-mask", "mito-9-mask", "mito-10-mask"]),
            (vec!["2020_z3_a", "2020_z4_a"], vec!["z03", "z04"]),
            (vec!["left", "right"], vec!["left_m", "right_m"]),
            (vec!["only"], vec!["other"]),
            (vec!["10", "11", "12"], vec!["1_10", "1_11", "1_12"]),
        ] {
            assert_eq!(found(&raw, &label), None, "{raw:?} {label:?}");
        }
    }

    #[test]
    fn sections_without_a_partner_are_named() {
        let error =
            found(&["img_5", "img_6", "img_7", "img_8"], &["img_5", "img_7", "img_8", "img_60"]).unwrap();
        assert!(
            error.starts_with("error: the label `m` has none for `img_6`, and `img_60` without a partner"),
            "{error}"
        );
        let error = found(&["a1", "a2", "a3"], &["b1", "b3"]).unwrap();
        assert!(error.starts_with("error: the label `m` has none for `a2`\n"), "{error}");
        let error = found(&["a1", "a3"], &["b1", "b2", "b3"]).unwrap();
        assert!(error.starts_with("error: the label `m` has `b2` without a partner\n"), "{error}");
        let many: Vec<String> = (0..20).map(|n| format!("a{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = found(&many, &many[..12]).unwrap();
        assert!(error.contains("`a12`, `a13`, `a14`, `a15` and 4 more"), "{error}");
    }

    #[test]
    fn numbers_from_another_start_and_names_of_another_kind_are_paired_by_order() {
        for (raw, label) in [
            (["z0", "z1", "z2"], ["m1", "m2", "m3"]),
            (["z10", "z11", "z12"], ["m0", "m1", "m2"]),
            (["a", "b", "c"], ["m1", "m2", "m3"]),
        ] {
            let warning = found(&raw, &label).unwrap();
            assert!(
                warning.starts_with("warning: the sections of the label `m` have other numbers"),
                "{warning}"
            );
        }
    }
}
