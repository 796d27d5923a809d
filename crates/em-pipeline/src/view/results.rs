//! The layers that a folder of results holds: labels with their table, or masks and probabilities.

use std::path::{Path, PathBuf};

use super::{Kind, OverlayFile};
use crate::Result;
use crate::error::UserError;

/// What files of results are called, beside their class, and what they are.
const NAMES: [(&str, Kind); 3] =
    [("labels", Kind::Objects), ("mask", Kind::Mask), ("probabilities", Kind::Probabilities)];
/// Endings of volumes that `measure` and `predict` write.
const ENDINGS: [&str; 8] = ["tif", "tiff", "zarr", "precomputed", "mrc", "rec", "map", "h5"];

/// Returns the layers that are meant: the file itself, or those of a folder of `measure` or `predict`.
///
/// # Errors
///
/// Fails for a folder with a table and without labels.
pub fn within(file: &OverlayFile) -> Result<Vec<OverlayFile>> {
    let folder = &file.path;
    let found = if folder.is_dir() { found(folder) } else { Vec::new() };
    if found.is_empty() {
        if folder.join("objects.csv").is_file() {
            let message = format!("`{}` holds a table of objects and no labels", folder.display());
            let hint = "name the label volume that `em-cli measure` wrote, as NAME=LABELS";
            return Err(UserError::new(message, hint).into());
        }
        return Ok(vec![file.clone()]);
    }
    let is_single = found.len() == 1;
    Ok(found
        .into_iter()
        .map(|found| OverlayFile {
            // Of one layer, the name that was given is that of the layer.
            name: if is_single { file.name.clone() } else { found.name },
            kind: file.kind.or(found.kind),
            path: found.path,
        })
        .collect())
}

/// Returns the probabilities by which the labels of a measurement were made, as the summary beside them tells:
/// those of the class, or the only ones; `None` where there is no summary, or no such file any more.
pub fn probabilities_of(labels: &Path, class: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(labels.with_file_name("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).ok()?;
    let of_class = |input: &serde_json::Value| -> Option<(String, PathBuf)> {
        let class = input["role"].as_str()?.strip_suffix(", probabilities")?;
        Some((class.to_owned(), PathBuf::from(input["path"].as_str()?)))
    };
    let all: Vec<(String, PathBuf)> = summary["inputs"].as_array()?.iter().filter_map(of_class).collect();
    let named = all.iter().find(|(of, _)| of == class);
    let only = all.first().filter(|_| all.len() == 1);
    named
        .or(only)
        .map(|(_, path)| path.clone())
        .filter(|path| em_io::place::is_address(path) || path.exists())
}

/// The files of results in a folder, in the order of their names.
fn found(folder: &Path) -> Vec<OverlayFile> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().filter_map(of_results).collect()
}

/// Takes a file for one of results by its name: `labels.tif`, `mask_synapses.zarr`.
fn of_results(path: PathBuf) -> Option<OverlayFile> {
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.split_once('.')?;
    if !ENDINGS.iter().any(|known| ending.rsplit('.').next() == Some(known)) {
        return None;
    }
    let is_of = |(begin, _): &&(&str, Kind)| {
        stem.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let (_, kind) = NAMES.iter().find(is_of)?;
    Some(OverlayFile::new(stem, path.clone(), Some(*kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_measurement_tells_its_probabilities() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let input = |role: &str, name: &str| serde_json::json!({"role": role, "path": at(name)});
        let write = |inputs: &[serde_json::Value]| {
            let summary = serde_json::json!({ "inputs": inputs });
            std::fs::write(at("summary.json"), summary.to_string()).unwrap();
        };
        let found = |class: &str| probabilities_of(&at("labels.tif"), class);
        assert_eq!(found("m"), None);
        let (mask, p, q) = (
            input("m, mask", "m.tif"),
            input("m, probabilities", "p.tif"),
            input("s, probabilities", "q.tif"),
        );
        write(&[mask.clone(), p.clone()]);
        assert_eq!(found("m"), None, "the file is gone");
        std::fs::write(at("p.tif"), "").unwrap();
        std::fs::write(at("q.tif"), "").unwrap();
        assert_eq!((found("m"), found("labels")), (Some(at("p.tif")), Some(at("p.tif"))));
        write(&[mask, p, q]);
        assert_eq!((found("s"), found("labels")), (Some(at("q.tif")), None));
    }

    #[test]
    fn a_folder_of_results_is_its_layers_and_any_other_is_a_volume() {
        let folder = tempfile::tempdir().unwrap();
        let within = |name: &str| {
            let file = OverlayFile::new(name, folder.path(), None);
            within(&file).map(|files| {
                let shown = |file: OverlayFile| (file.name, file.kind);
                files.into_iter().map(shown).collect::<Vec<_>>()
            })
        };
        assert_eq!(within("stack").unwrap(), [("stack".to_owned(), None)]);
        std::fs::write(folder.path().join("objects.csv"), "").unwrap();
        assert!(within("stack").unwrap_err().to_string().contains("no labels"));
        std::fs::write(folder.path().join("labels.tif"), "").unwrap();
        assert_eq!(within("mito").unwrap(), [("mito".to_owned(), Some(Kind::Objects))]);
        for name in ["mask_a.ome.tif", "probabilities_a.zarr", "maskless.tif", "labels.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<String> = within("mito").unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["labels", "mask_a", "probabilities_a"]);
    }
}
