//! What can be done with a label whose values are not those of a mask.

use std::path::Path;

/// What values that are not those of a mask look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MaskHint {
    /// Shares between 0 and 1.
    Probabilities,
    /// Two values, of which the larger is the class.
    TwoValues {
        /// The value of the background.
        low: f64,
    },
    /// Black and white with grey edges.
    GreyEdges,
    /// Several classes, or objects that are numbered.
    Numbers,
    /// Many values, none of which is a background.
    Grey,
    /// NaN, negative or other values.
    Other,
}

impl MaskHint {
    /// Recognises distinct values in rising order; of many, the first ones are enough.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        match values.as_slice() {
            // NaN is in no order, and sorts behind all.
            [.., last] if !last.is_finite() => Self::Other,
            [low, _] => Self::TwoValues { low: *low },
            all if all.iter().any(|value| value.fract() != 0.0) => Self::Probabilities,
            [first, ..] if *first < 0.0 => Self::Other,
            [first, ..] if *first > 1.0 => Self::Grey,
            _ => Self::Numbers,
        }
    }

    /// Says what it looks like, and the command that makes a mask of it.
    pub fn text(self, path: &Path) -> String {
        let path = path.display();
        let command = |options: &str| format!("`em-cli convert {path} mask.tif {options}`");
        match self {
            Self::Probabilities => {
                format!("it looks like probabilities: {} makes a mask of them", command("--threshold 0.5"))
            }
            Self::TwoValues { low } => {
                format!(
                    "two values are a mask: {} writes 255 for the larger",
                    command(&format!("--threshold {low}"))
                )
            }
            Self::GreyEdges => format!(
                "scaled or JPEG-compressed masks have grey edges: {} takes them away",
                command("--threshold 128")
            ),
            Self::Numbers => format!(
                "it looks like several classes or numbered objects: {} makes a mask of number 1, --threshold 0 of all; \
                 `measure --instances` and models of outlines (model.targets) take numbers as they are",
                command("--value 1")
            ),
            Self::Grey => "it looks like grey values: check which file is which".into(),
            Self::Other => format!("a mask is 0 and 255: {} makes one", command("--threshold 0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_recognised() {
        let of = |values: &[f64]| MaskHint::of(values.iter().copied());
        assert_eq!(of(&[0.0, 0.25, 0.5]), MaskHint::Probabilities);
        assert_eq!(of(&[0.0, 65535.0]), MaskHint::TwoValues { low: 0.0 });
        assert_eq!(of(&[1.0, 2.0]), MaskHint::TwoValues { low: 1.0 });
        assert_eq!(of(&[-128.0, -127.0]), MaskHint::TwoValues { low: -128.0 });
        assert_eq!(of(&[0.0, 1.0, 2.0]), MaskHint::Numbers);
        assert_eq!(of(&[-1.0, 0.0, 2.0]), MaskHint::Other);
        assert_eq!(of(&[60.0, 61.0, 62.0]), MaskHint::Grey);
        assert_eq!(of(&[0.0, f64::NAN]), MaskHint::Other);
    }

    #[test]
    fn the_command_holds_the_path() {
        let text = MaskHint::TwoValues { low: 1.0 }.text(Path::new("a.tif"));
        assert_eq!(
            text,
            "two values are a mask: `em-cli convert a.tif mask.tif --threshold 1` writes 255 for the larger"
        );
        assert!(MaskHint::Numbers.text(Path::new("a.tif")).contains("`measure --instances`"));
    }
}
