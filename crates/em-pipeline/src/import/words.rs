//! Classes and their channels as they are typed: `mitochondria=1`, `cells=min(0,1,2)`, `cells=not 3`.

use em_model::{ClassOutput, Combine};

const EXPECTED: &str =
    "expected NAME or NAME=CHANNELS, as mitochondria=1, cells=min(0,1,2) or cells=not max(3,4)";

/// Reads the name of a class and what it is made of, where that is told.
///
/// # Errors
///
/// Says what was expected.
pub fn class_output(text: &str) -> Result<(String, Option<ClassOutput>), String> {
    let (name, channels) = match text.split_once('=') {
        None => (text, None),
        Some((name, channels)) => (name, Some(channels)),
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(EXPECTED.into());
    }
    Ok((name.to_owned(), channels.map(channels_of).transpose()?))
}

fn channels_of(text: &str) -> Result<ClassOutput, String> {
    let text = text.trim();
    let (inverted, text) = match text.strip_prefix("not ") {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    let named =
        [("mean", Combine::Mean), ("min", Combine::Min), ("max", Combine::Max), ("sum", Combine::Sum)];
    let within = named.into_iter().find_map(|(name, combine)| {
        let inner = text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
        Some((combine, inner))
    });
    let (combine, numbers) = within.unwrap_or((Combine::Mean, text));
    let channels = numbers.split(',').map(|number| number.trim().parse().map_err(|_| EXPECTED.to_owned()));
    let channels = channels.collect::<Result<Vec<usize>, String>>()?;
    if channels.len() > 1 && within.is_none() {
        return Err(format!(
            "several channels need a word for how they become one: mean, min, max or sum; {EXPECTED}"
        ));
    }
    Ok(ClassOutput { channels, combine, inverted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_they_are_typed() {
        let of = |text| class_output(text).unwrap();
        assert_eq!(of("mitochondria"), ("mitochondria".into(), None));
        assert_eq!(of("mito = 1").1, Some(ClassOutput::channel(1)));
        let expected = |channels: &[usize], combine, inverted| {
            Some(ClassOutput { channels: channels.to_vec(), combine, inverted })
        };
        assert_eq!(of("cells=min(0, 1,2)").1, expected(&[0, 1, 2], Combine::Min, false));
        assert_eq!(of("cells=not max (3,4)").1, expected(&[3, 4], Combine::Max, true));
        assert_eq!(of("cells=not 3").1, expected(&[3], Combine::Mean, true));
        assert_eq!(of("both=sum(1,2)").1, expected(&[1, 2], Combine::Sum, false));
        for wrong in ["", "=1", "a=", "a=x", "a=1,2", "a=min(1", "a=-1", "a=median(1,2)"] {
            assert!(class_output(wrong).unwrap_err().contains("expected NAME"), "{wrong}");
        }
    }
}
