//! Numbers as people read them.

/// A score with four digits, or `none` where it does not exist.
pub fn score(value: Option<f64>) -> String {
    value.map_or("none".into(), |value| format!("{value:.4}"))
}

/// A number with at most seven significant digits, which reads back as the same 32-bit float; a whole
/// number with all of its digits.
pub fn seven_digits(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value}");
    }
    rounded(value, 6)
}

/// A number with four significant digits, or more where they stand before the point.
pub fn four_digits(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{value:.0}") } else { rounded(value, 3) }
}

/// A number with so many digits behind the first, as `12.34` or `1.234e-9`.
fn rounded(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.digits$e}");
    match scientific.parse::<f64>() {
        Ok(number) if number == 0.0 || (1e-5..1e15).contains(&number.abs()) => number.to_string(),
        Ok(number) => format!("{number:e}"),
        Err(_) => scientific,
    }
}

/// The unit in which a volume in µm³ can be read, and how many of it are in a µm³.
pub fn volume_unit(volume_um3: f64) -> (f64, &'static str) {
    if volume_um3 > 0.0 && volume_um3 < 0.001 { (1e9, "nm³") } else { (1.0, "µm³") }
}

/// A volume in µm³ as people read it: `0.0123 µm³` or `33500 nm³`.
pub fn volume(volume_um3: f64) -> String {
    let (factor, unit) = volume_unit(volume_um3);
    format!("{} {unit}", four_digits(volume_um3 * factor))
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

/// A duration in six columns, as `12.3 s`, `95 s`, `12 min` or `2.5 h`.
pub fn short_duration(seconds: f64) -> String {
    match seconds {
        s if s < 59.95 => format!("{s:.1} s"),
        s if s < 599.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
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
    fn numbers_have_as_many_digits_as_they_are_good_for() {
        let expected = [
            (0.000_600_000_000_000_000_1, "0.0006"),
            (100.0 / 3.0, "33.33333"),
            (4_294_967_295.0, "4294967295"),
            (1.0 / 3e9, "3.333333e-10"),
            (-12_345_678.9, "-12345680"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in expected {
            assert_eq!(seven_digits(value), text);
        }
        assert_eq!(
            [3.3456e-5, 12.345_67, 0.0, 123_456.7].map(four_digits),
            ["0.00003346", "12.35", "0", "123457"]
        );
    }

    #[test]
    fn small_volumes_are_in_nm() {
        // 125 voxels of 10 x 5 x 5 nm.
        assert_eq!(volume(3.125e-5), "31250 nm³");
        assert_eq!([0.0, 0.001, 0.25].map(volume), ["0 µm³", "0.001 µm³", "0.25 µm³"]);
    }

    #[test]
    fn durations_change_their_unit() {
        assert_eq!([59.94, 61.0, 3_661.0].map(duration), ["59.9 s", "1 min 1 s", "1 h 1 min"]);
        let short = [59.94, 59.96, 599.6, 5_969.0, 9_000.0].map(short_duration);
        assert_eq!(short, ["59.9 s", "60 s", "10 min", "99 min", "2.5 h"]);
    }
}
