//! Numbers as people read them.

/// A score with four digits, or `none` where it does not exist.
pub fn score(value: Option<f64>) -> String {
    value.map_or("none".into(), |value| format!("{value:.4}"))
}

/// A shape as `z x y x x`.
pub fn shape([z, y, x]: [usize; 3]) -> String {
    format!("{z} x {y} x {x}")
}

/// A duration as people say it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), s % 3600.0 / 60.0),
    }
}

/// A number of bytes with a decimal prefix, as `1.26 GB`.
pub fn bytes(count: u64) -> String {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut prefixes = PREFIXES.into_iter();
    let mut prefix = prefixes.next().unwrap_or_default();
    // 999.995 would be printed as 1000.00.
    while value >= 999.995
        && let Some(next) = prefixes.next()
    {
        (value, prefix) = (value / 1000.0, next);
    }
    format!("{value:.2} {prefix}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_prefix_and_two_digits() {
        let expected = [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1_258_291_200, "1.26 GB")];
        for (count, text) in expected {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(u64::MAX), "18.45 EB");
    }

    #[test]
    fn durations_change_their_unit() {
        assert_eq!([59.94, 61.0, 3_661.0].map(duration), ["59.9 s", "1 min 1 s", "1 h 1 min"]);
    }
}
