//! What a package says in words: its README, authors, licence and citations.

use em_metrics::ConfusionCounts;
use em_model::{Architecture, ExportedNetwork, MaskRule};

use super::example;
use super::normalizing::Normalizing;
use super::rdf::{Author, Citation};
use crate::display;
use crate::error::{Result, UserError};

/// The longest name that a package may have, in characters.
const LONGEST_NAME: usize = 128;

/// The shortest.
const SHORTEST_NAME: usize = 5;

/// The longest description.
const LONGEST_DESCRIPTION: usize = 1024;

/// What nobody but the maker of a package knows, and what is said of its network otherwise where nothing is told.
#[derive(Clone, Debug, Default)]
pub struct PackageWords {
    /// What it is called; after its classes where nothing is told.
    pub name: Option<String>,
    /// What it is for, in a sentence or two.
    pub description: Option<String>,
    /// Who made it.
    pub authors: Vec<Author>,
    /// The SPDX identifier of its licence.
    pub license: Option<String>,
    /// What to cite besides the paper of the network's architecture.
    pub cite: Vec<Citation>,
}

impl PackageWords {
    /// Checks what is told, and that nothing is missing that cannot be guessed.
    pub(super) fn check(&self) -> Result<()> {
        let problem = |message: String, hint: &str| Err(UserError::new(message, hint).into());
        if self.authors.is_empty() {
            return problem(
                "a package names its authors, and none is told".into(),
                "tell who made the network with --author \"NAME; AFFILIATION\", once for each",
            );
        }
        let Some(license) = &self.license else {
            return problem(
                "a package tells its licence, and none is told".into(),
                "decide who may use the network for what, as with --license CC-BY-4.0 or --license MIT",
            );
        };
        if spdx::license_id(license).is_none() {
            let hint = match spdx::imprecise_license_id(license) {
                // The list tells large letters from small ones.
                Some((meant, length)) if length == license.len() => format!("did you mean `{}`?", meant.name),
                _ => "take one identifier of spdx.org/licenses, as CC-BY-4.0 or MIT".into(),
            };
            return problem(format!("`{license}` is no licence of the list of SPDX"), &hint);
        }
        if let Some(name) = &self.name {
            let fits = (SHORTEST_NAME..=LONGEST_NAME).contains(&name.trim().chars().count());
            if !fits || !name.chars().all(is_of_a_name) {
                return problem(
                    format!("a package cannot be called `{name}`"),
                    "take 5 to 128 letters without accents, digits, spaces, and `_+-()` with --name",
                );
            }
        }
        match &self.description {
            Some(text) if text.trim().is_empty() => problem(
                "the description is empty".into(),
                "tell what it is for with --description, or leave it out",
            ),
            Some(text) if text.chars().count() > LONGEST_DESCRIPTION => problem(
                format!("the description has {} characters, expected at most 1024", text.chars().count()),
                "tell less with --description",
            ),
            _ => Ok(()),
        }
    }

    /// The name of a package of these classes.
    pub(super) fn name(&self, classes: &[String]) -> String {
        const BEHIND: &str = " in electron micrographs";
        self.name.clone().unwrap_or_else(|| {
            let plain: String =
                listed(classes).chars().map(|c| if is_of_a_name(c) { c } else { ' ' }).collect();
            let most = LONGEST_NAME - BEHIND.len();
            let plain: String = plain.trim().chars().take(most).collect();
            let mut letters = plain.chars();
            let first = letters.next().map_or('N', |first| first.to_ascii_uppercase());
            format!("{first}{}{BEHIND}", letters.as_str())
        })
    }

    /// The description of a package of these classes.
    pub(super) fn description(&self, architecture: &Architecture, classes: &[String]) -> String {
        self.description.clone().unwrap_or_else(|| {
            let axes = seen(architecture);
            format!(
                "A U-Net that gives, for each voxel of a volume of electron micrographs, the probability of {}. It sees {axes}.",
                listed(classes)
            )
        })
    }

    /// What is to be cited: the architecture's paper, and what was told.
    pub(super) fn citations(&self, architecture: &Architecture) -> Vec<Citation> {
        let (text, doi) = if architecture.dimensions == 3 {
            (
                "Çiçek et al.: 3D U-Net: Learning Dense Volumetric Segmentation from Sparse Annotation, MICCAI 2016",
                "10.1007/978-3-319-46723-8_49",
            )
        } else {
            (
                "Ronneberger et al.: U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015",
                "10.1007/978-3-319-24574-4_28",
            )
        };
        let of_architecture = Citation { text: text.into(), doi: Some(doi.into()), url: None };
        std::iter::once(of_architecture).chain(self.cite.iter().cloned()).collect()
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+- ()".contains(c)
}

/// What goes into the network at once.
fn seen(architecture: &Architecture) -> String {
    match (architecture.dimensions, architecture.context_sections) {
        (3, _) => "volumes".into(),
        (_, 1) => "single sections".into(),
        (_, sections) => format!("{sections} neighbouring sections, and answers for the middle one"),
    }
}

/// Words with commas between them and an `and` before the last.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Reads an author, as `NAME` or `NAME; AFFILIATION`.
///
/// # Errors
///
/// Fails, with what is expected, where there is no name, or a slash in it.
pub fn author(text: &str) -> std::result::Result<Author, String> {
    let (name, affiliation) = match text.split_once(';') {
        Some((name, affiliation)) => (name.trim(), Some(affiliation.trim())),
        None => (text.trim(), None),
    };
    if name.is_empty() || name.contains(['/', '\\']) {
        return Err("expected `NAME` or `NAME; AFFILIATION`, without slashes in the name".into());
    }
    let affiliation = affiliation.filter(|place| !place.is_empty()).map(str::to_owned);
    Ok(Author { name: name.into(), affiliation })
}

/// Reads a citation, as `TEXT; DOI` or `TEXT; https://...`.
///
/// # Errors
///
/// Fails, with what is expected, where one of both is missing.
pub fn citation(text: &str) -> std::result::Result<Citation, String> {
    const EXPECTED: &str =
        "expected `TEXT; DOI` or `TEXT; https://...`, as in `Doe et al. 2026; 10.1000/182`";
    let (text, place) = text.rsplit_once(';').ok_or(EXPECTED)?;
    let (text, place) = (text.trim().to_owned(), place.trim().to_owned());
    let doi = place.trim_start_matches("https://doi.org/");
    match (text.is_empty(), is_doi(doi), place.starts_with("https://")) {
        (true, ..) | (_, false, false) => Err(EXPECTED.into()),
        (_, true, _) => Ok(Citation { text, doi: Some(doi.into()), url: None }),
        (_, false, true) => Ok(Citation { text, doi: None, url: Some(place) }),
    }
}

/// Tells whether a text looks as a DOI does to the zoo: `10.`, four digits, and more.
fn is_doi(text: &str) -> bool {
    let digits = text.strip_prefix("10.").and_then(|rest| rest.get(..4)).unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) && text.len() > "10.1234".len()
}

/// The README of a package.
pub(super) fn readme(
    network: &ExportedNetwork,
    name: &str,
    description: &str,
    normalizing: &Normalizing,
    example: &str,
) -> String {
    let (card, interface) = (network.card(), network.interface());
    // As the description has them.
    let (step, smallest) =
        (interface.of_space(interface.step), interface.of_space(example::smallest(network)));
    let axes = interface.of_space(["z", "y", "x"]).join(", ");
    let voxel_size = card.voxel_size_nm.map_or("of unknown size".into(), |nm| {
        let [z, y, x] = nm.map(display::four_digits);
        format!("of {z} x {y} x {x} nm (z, y, x)")
    });
    let thresholds = card.classes.iter().zip(network.rules());
    let thresholds =
        thresholds.map(|(class, MaskRule { threshold, .. })| format!("- {class}: {threshold}\n"));
    let scores = card.validation.iter().map(|(class, counts)| score_row(class, counts));
    let leaks = if card.leaking_split {
        "\nValidation tiles were neighbours of training tiles: the scores are higher than those of new tissue.\n"
    } else {
        ""
    };
    format!(
        "# {name}\n\n{description}\n\n## Input\n\nGrey values of voxels {voxel_size}, {}.\n{}\n\
         Sizes along {axes} are {smallest:?} or longer by multiples of {step:?}.\n{example}\n\n\
         ## Output\n\nProbabilities from 0 to 1, a channel for each class.\n\
         A class is where its probability is above:\n\n{}\n\
         Masks of the program that trained the network may be cleaned besides, by size and holes.\n\n\
         ## Validation\n\nOn the validation voxels of the training, at the threshold 0.5:\n\n\
         | class | IoU | Dice | precision | recall |\n|---|---|---|---|---|\n{}{leaks}\n\
         To validate it on other tissue, label some sections of it, and compare.\n\n\
         ## Training\n\nWeights of epoch {} of em-model {}, seed {}.\n",
        seen(&card.architecture),
        normalizing.told(),
        thresholds.collect::<String>(),
        scores.collect::<String>(),
        card.epoch,
        card.em_model,
        card.seed,
    )
}

fn score_row(class: &str, counts: &ConfusionCounts) -> String {
    let scores = [counts.iou(), counts.dice(), counts.precision(), counts.recall()].map(display::score);
    format!("| {class} | {} |\n", scores.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_and_citations_are_read_as_they_are_told() {
        let with = |name: &str, place: Option<&str>| Author {
            name: name.into(),
            affiliation: place.map(str::to_owned),
        };
        assert_eq!(author("Ada Lovelace").unwrap(), with("Ada Lovelace", None));
        assert_eq!(author(" A. B. ; Some Lab, Town ").unwrap(), with("A. B.", Some("Some Lab, Town")));
        assert!(author("; Lab").is_err() && author("a/b").is_err());
        let doi = citation("Doe; Roe: A paper; https://doi.org/10.1000/182").unwrap();
        assert_eq!((doi.text.as_str(), doi.doi.as_deref()), ("Doe; Roe: A paper", Some("10.1000/182")));
        assert_eq!(
            citation("A page; https://example.org").unwrap().url.as_deref(),
            Some("https://example.org")
        );
        for doi in ["10.abc", "10.10/abc", "10.1000"] {
            assert!(citation(&format!("A paper; {doi}")).is_err(), "{doi}");
        }
        assert!(citation("A paper").is_err() && citation("A paper; somewhere").is_err());
    }

    #[test]
    fn names_hold_nothing_that_the_zoo_refuses() {
        let words = PackageWords::default();
        let classes = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            words.name(&classes(&["mitochondria", "synapses"])),
            "Mitochondria and synapses in electron micrographs"
        );
        let long = words.name(&classes(&["ö/ß", &"a".repeat(300)]));
        assert!(long.chars().all(is_of_a_name) && long.chars().count() <= LONGEST_NAME, "{long}");
    }
}
