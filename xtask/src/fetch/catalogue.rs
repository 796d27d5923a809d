//! The public data sets: addresses, sizes, checksums, terms.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::pieces::PieceTable;

/// A data set that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Name {
    /// Hippocampus CA1, FIB-SEM, 5 nm, mitochondria
    Epfl,
    /// The same images, mitochondria annotated anew
    #[value(name = "lucchi++")]
    LucchiPp,
    /// Drosophila nerve cord, serial-section TEM, several organelles
    Vnc,
    /// Mouse cortex, serial-section SEM, mitochondria
    #[value(name = "kasthuri++")]
    KasthuriPp,
}

/// What there is to fetch.
pub struct Source {
    /// Name on the command line and of the folder.
    pub name: &'static str,
    /// What it is and who made it.
    pub title: &'static str,
    /// What its authors allow.
    pub terms: &'static str,
    /// Where it lies and how it is verified.
    pub contents: Contents,
    /// What to do when it is there.
    pub next_step: &'static str,
}

/// The two forms of a source.
pub enum Contents {
    /// Image stacks, used as they are.
    Stacks(Stacks),
    /// One zip archive, unpacked.
    Archive(Archive),
}

/// Image stacks whose concatenation is verified piece by piece.
pub struct Stacks {
    /// The files in the order of the concatenation.
    pub files: Vec<StackFile>,
    /// Checksums of the concatenation's pieces.
    pub pieces: PieceTable,
}

/// One file of [`Stacks`].
pub struct StackFile {
    /// Name with its ending.
    pub name: String,
    /// Where it lies.
    pub url: String,
    /// Its exact length.
    pub bytes: u64,
    /// Fetched where no file is asked for by name.
    pub by_default: bool,
}

/// A zip archive.
pub struct Archive {
    /// Name with its ending.
    pub name: String,
    /// Where it lies.
    pub url: String,
    /// Published checksum of the whole file, where there is one.
    pub sha256: Option<String>,
    /// Folders that must be in it, each as a part of some entry's path.
    pub layout: &'static [&'static str],
}

impl Stacks {
    /// Returns the indices of the files asked for by name without ending, or of the default ones.
    ///
    /// # Errors
    ///
    /// Names what is unknown and what there is.
    pub fn select(&self, names: &[String]) -> Result<Vec<usize>> {
        let stem = |file: &StackFile| file.name.trim_end_matches(".tif").to_owned();
        let known: Vec<_> = self.files.iter().map(stem).collect();
        for name in names {
            ensure!(known.contains(name), "there is no file `{name}`, expected one of {}", known.join(", "));
        }
        let wanted = |index: &usize| match names {
            [] => self.files[*index].by_default,
            _ => names.contains(&known[*index]),
        };
        Ok((0..self.files.len()).filter(wanted).collect())
    }
}

/// Returns the description of a data set.
pub fn describe(name: Name) -> Source {
    match name {
        Name::Epfl => epfl(),
        Name::LucchiPp => Source {
            name: "lucchi++",
            title: "Lucchi++: EPFL hippocampus, mitochondria re-annotated (Casser et al. 2018)",
            terms: "not stated; treat as research use only",
            contents: archive(
                "lucchi_pp.zip",
                "http://www.casser.io/files/lucchi_pp.zip",
                Some("770ce9e98fc6f29c1b1a250c637e6c5125f2b5f1260e5a7687b55a79e2e8844d"),
                &["Train_In/", "Train_Out/", "Test_In/", "Test_Out/"],
            ),
            next_step: "the PNG folders are sections in order: `*_In` are images, `*_Out` their labels",
        },
        Name::Vnc => Source {
            name: "vnc",
            title: "Segmented anisotropic ssTEM dataset of neural tissue (Gerhard, Funke, Martel, Cardona, Fetter 2013)",
            terms: "CC BY-NC-SA 3.0, doi 10.6084/m9.figshare.856713",
            contents: archive(
                "groundtruth-drosophila-vnc.zip",
                "https://github.com/unidesigner/groundtruth-drosophila-vnc/archive/refs/heads/master.zip",
                None,
                &["stack1/raw/", "stack1/mitochondria/", "stack1/synapses/"],
            ),
            next_step: "make stacks of the section folders of `stack1` with `em-cli extract`, then train with configs/vnc.toml",
        },
        Name::KasthuriPp => Source {
            name: "kasthuri++",
            title: "Kasthuri++: mouse cortex, mitochondria re-annotated (Casser et al. 2018)",
            terms: "not stated; treat as research use only",
            contents: archive(
                "kasthuri_pp.zip",
                "http://www.casser.io/files/kasthuri_pp.zip",
                Some("bbb78fd205ec9b57feb8f93ebbdf1666261cbc3e0305e7f11583ab5157a3d792"),
                &[],
            ),
            next_step: "the PNG folders are sections in order: images and their labels",
        },
    }
}

fn archive(name: &str, url: &str, sha256: Option<&str>, layout: &'static [&'static str]) -> Contents {
    Contents::Archive(Archive {
        name: name.into(),
        url: url.into(),
        sha256: sha256.map(str::to_owned),
        layout,
    })
}

fn epfl() -> Source {
    // The `%20` belongs in the address.
    const FOLDER: &str =
        "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus";
    const SUB_VOLUME_BYTES: u64 = 129_919_357;
    const VOLUME_BYTES: u64 = 3_353_674_357;
    let file = |stem: &str, bytes, by_default| StackFile {
        name: format!("{stem}.tif"),
        url: format!("{FOLDER}/{stem}.tif"),
        bytes,
        by_default,
    };
    Source {
        name: "epfl",
        title: "EPFL CVLab Electron Microscopy Dataset, CA1 hippocampus (Lucchi et al. 2013)",
        terms: "not stated; treat as research use only",
        contents: Contents::Stacks(Stacks {
            files: vec![
                file("testing", SUB_VOLUME_BYTES, true),
                file("testing_groundtruth", SUB_VOLUME_BYTES, true),
                file("training", SUB_VOLUME_BYTES, true),
                file("training_groundtruth", SUB_VOLUME_BYTES, true),
                file("volumedata", VOLUME_BYTES, false),
            ],
            pieces: PieceTable::parse(1 << 20, include_str!("epfl_pieces_sha1.txt"))
                .expect("the table is part of the source"),
        }),
        next_step: "em-cli train --config configs/epfl.toml",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epfl_stacks() -> Stacks {
        match epfl().contents {
            Contents::Stacks(stacks) => stacks,
            Contents::Archive(_) => panic!("EPFL's files are stacks"),
        }
    }

    #[test]
    fn pieces_cover_the_four_sub_volumes_and_the_last_reaches_into_the_volume() {
        let stacks = epfl_stacks();
        let sizes: Vec<u64> = stacks.files.iter().map(|file| file.bytes).collect();
        assert_eq!(stacks.pieces.len(), 496);
        let last = stacks.pieces.extents(495, &sizes);
        assert_eq!((last[0].file, last[0].bytes), (3, 632_308));
        assert_eq!((last[1].file, last[1].offset), (4, 0));
    }

    #[test]
    fn the_large_volume_comes_only_when_asked_for() {
        let stacks = epfl_stacks();
        assert_eq!(stacks.select(&[]).unwrap(), [0, 1, 2, 3]);
        assert_eq!(stacks.select(&["volumedata".into(), "training".into()]).unwrap(), [2, 4]);
        let error = stacks.select(&["traning".into()]).unwrap_err().to_string();
        assert!(error.contains("`traning`") && error.contains("training_groundtruth"), "{error}");
    }
}
