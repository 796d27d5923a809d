//! Settings outside their range: one form for all types of settings, here and in em-model.
//!
//! A problem names the Rust type and its field. What stands for them in a file is for whoever reads
//! that file to say.

use std::fmt::Display;
use std::ops::RangeBounds;

/// A setting that is outside its range, or that does not fit another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{owner}::{field}` is {found}, expected {expected}")]
#[non_exhaustive]
pub struct SettingError {
    /// The type that holds the setting, such as `TilingConfig`.
    pub owner: &'static str,
    /// The field of that type.
    pub field: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

impl SettingError {
    /// Says what is wrong with a setting that only the crates above can check.
    pub fn new(
        owner: &'static str,
        field: &'static str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { owner, field, found: found.into(), expected: expected.into() }
    }
}

/// Returns the first problem as an error, or `Ok` where there is none.
///
/// # Errors
///
/// Fails with the first problem.
pub fn first(problems: Vec<SettingError>) -> Result<(), SettingError> {
    problems.into_iter().next().map_or(Ok(()), Err)
}

/// Collects what is wrong with the settings of one type, in the order of the questions.
///
/// ```
/// use em_data::settings::Checks;
///
/// let mut checks = Checks::of("TilingConfig");
/// checks.require("tile_size", 0, 0 > 0, "at least 1");
/// checks.within("foreground_fraction", 2.0, 0.0..=1.0, "0 to 1");
/// let problems = checks.finish();
/// assert_eq!(problems.len(), 2);
/// assert_eq!(problems[0].to_string(), "`TilingConfig::tile_size` is 0, expected at least 1");
/// ```
#[derive(Debug)]
pub struct Checks {
    owner: &'static str,
    problems: Vec<SettingError>,
}

impl Checks {
    /// Starts with no problem; `owner` is the name of the type.
    pub fn of(owner: &'static str) -> Self {
        Self { owner, problems: Vec::new() }
    }

    /// Notes a problem unless the value is `good`.
    pub fn require(
        &mut self,
        field: &'static str,
        found: impl Display,
        good: bool,
        expected: impl Into<String>,
    ) -> &mut Self {
        if !good {
            let (owner, found, expected) = (self.owner, found.to_string(), expected.into());
            self.problems.push(SettingError { owner, field, found, expected });
        }
        self
    }

    /// Notes a problem unless the value is finite and within a range; NaN is in none.
    pub fn within(
        &mut self,
        field: &'static str,
        value: f64,
        range: impl RangeBounds<f64>,
        expected: &str,
    ) -> &mut Self {
        self.require(field, value, value.is_finite() && range.contains(&value), expected)
    }

    /// Notes a problem where a number is 0.
    pub fn at_least_1(&mut self, field: &'static str, value: usize) -> &mut Self {
        self.require(field, value, value > 0, "at least 1")
    }

    /// Adds what was found elsewhere, such as in the settings within these.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = SettingError>) -> &mut Self {
        self.problems.extend(problems);
        self
    }

    /// Returns the problems.
    pub fn finish(self) -> Vec<SettingError> {
        self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_ranges_are_within_as_they_say_and_nothing_else_is() {
        let problem = |value: f64| {
            let mut checks = Checks::of("Config");
            checks.within("share", value, 0.0..1.0, "0 to below 1");
            checks.finish().first().map(ToString::to_string)
        };
        assert_eq!([problem(0.0), problem(0.999)], [None, None]);
        assert_eq!(problem(1.0).unwrap(), "`Config::share` is 1, expected 0 to below 1");
        for outside in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(problem(outside).is_some(), "{outside}");
        }
    }

    #[test]
    fn problems_are_kept_in_their_order() {
        let mut checks = Checks::of("Outer");
        let mut inner = Checks::of("Inner");
        inner.at_least_1("count", 0);
        checks.at_least_1("edge", 1).at_least_1("depth", 0).extend(inner.finish());
        let found: Vec<String> = checks.finish().iter().map(|p| format!("{}.{}", p.owner, p.field)).collect();
        assert_eq!(found, ["Outer.depth", "Inner.count"]);
    }
}
