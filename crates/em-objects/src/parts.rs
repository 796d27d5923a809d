//! Objects that several programs find, each in some of the sections, and that are then joined.
//!
//! ```text
//! file of a part:   runs of each section │ names, 4 bytes each │ sums, 8 bytes each │ footer (JSON) │ its length, 8 bytes │ mark
//! ```
//!
//! The runs of a part are labelled by its own objects. To join parts, their labels follow each other, and only the
//! objects that touch across the face between two parts are looked at: two sections for each face.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use em_io::{MaskValues, Roi, Volume};
use em_metrics::DisjointSets;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::labelling::for_each_touch;
use crate::measure::{Space, check_shape};
use crate::objects::{FindConfig, Objects, told};
use crate::runs::SectionRuns;
use crate::runs_on_disk::{RunsOnDisk, decode, encode};
use crate::{Connectivity, Extent, Foreground};

mod sums;
#[cfg(test)]
mod tests;

use sums::{Summed, sums_of};

/// What a file of a part ends with.
const MARK: &[u8; 8] = b"EMPART02";

/// The most bytes of a footer: lengths of sections, in digits.
const MOST_FOOTER: u64 = 1 << 28;

/// What stands at the end of the file of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    /// Voxels of the whole volume, `[z, y, x]`.
    shape: [usize; 3],
    voxel_size_nm: Option<[f64; 3]>,
    sections: Range<usize>,
    extent: Extent,
    connectivity: Connectivity,
    /// Whether the objects have the names of instances.
    instances: bool,
    /// Whether the values have to be those of a mask, and which they are.
    mask: bool,
    values: Vec<f64>,
    objects: u32,
    /// The type of the probabilities whose sums are here.
    sums_of: Option<Summed>,
    /// The bytes of the runs of each section.
    bytes: Vec<u64>,
}

/// What a part is found in.
#[derive(Clone, Debug)]
pub struct PartInput<'a> {
    /// The volume with the objects.
    pub volume: &'a Volume,
    /// Probabilities of the same shape. Of 8- and 16-bit unsigned ones the sums are kept, so that
    /// [`measure`](crate::measure()) need not read them; others are left to it.
    pub probabilities: Option<&'a Volume>,
    /// The sections of the part.
    pub sections: Range<usize>,
}

/// Finds the objects of some sections of a volume, and writes them to a file for [`join_parts`].
///
/// `file` appears whole or not at all; beside it goes a temporary file without a name. `progress` is told the sections done, and ends the work
/// where it breaks.
///
/// # Errors
///
/// Those of [`Objects::find`], of reading the probabilities ([`Error::ShapeMismatch`] where they have another shape),
/// and of writing the file.
///
/// # Panics
///
/// If the sections reach out of the volume.
pub fn find_part(
    input: &PartInput<'_>,
    config: FindConfig,
    file: &Path,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<()> {
    let PartInput { volume, probabilities, sections } = input.clone();
    let shape = volume.shape();
    probabilities.map_or(Ok(()), |volume| check_shape(volume, shape))?;
    assert!(sections.start <= sections.end && sections.end <= shape[0], "a part lies within its volume");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = Roi::sections(shape, sections.clone());
    let (objects, values) = Objects::find_within(volume, part, config, folder, &mut progress)?;
    let summed = probabilities.and_then(|volume| Some((volume, Summed::of(volume.voxel_type())?)));
    let sums = summed.map_or(Ok(Vec::new()), |(volume, _)| sums_of(&objects, volume, part, &mut progress))?;
    let instances = config.foreground == Foreground::Instances;
    let footer = Footer {
        shape,
        voxel_size_nm: volume.voxel_size_nm(),
        sections,
        extent: config.extent,
        connectivity: config.connectivity,
        instances,
        mask: config.foreground == Foreground::Mask,
        values: values.values().collect(),
        // There are fewer than 2^32 of them.
        objects: objects.count() as u32,
        sums_of: summed.map(|(_, of)| of),
        bytes: Vec::new(),
    };
    write_part(file, &objects, footer, &sums)
}

/// Writes the file of a part, whose footer does not know yet how long the runs are.
fn write_part(file: &Path, objects: &Objects, mut footer: Footer, sums: &[u64]) -> Result<()> {
    let mut failure = None;
    let written = em_io::write_atomically(file, |out| {
        let mut out = BufWriter::new(out);
        for z in 0..footer.sections.len() {
            let runs = match objects.section(z) {
                Ok(section) => encode(&section.relabelled(|number| Some(number - 1))),
                Err(error) => {
                    failure = Some(error);
                    return Err(io::Error::other("a temporary file could not be read"));
                }
            };
            footer.bytes.push(runs.len() as u64);
            out.write_all(&runs)?;
        }
        if footer.instances {
            objects.names().iter().try_for_each(|name| out.write_all(&name.to_le_bytes()))?;
        }
        sums.iter().try_for_each(|sum| out.write_all(&sum.to_le_bytes()))?;
        let footer = serde_json::to_vec(&footer)?;
        out.write_all(&footer)?;
        out.write_all(&(footer.len() as u64).to_le_bytes())?;
        out.write_all(MARK)?;
        out.flush()
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

/// Joins the objects that [`find_part`] has found in parts of one volume, given in order of z.
///
/// They have the numbers, names and runs that [`Objects::find`] would have given them. `folder` takes the temporary
/// file; `progress` is told the sections done, and ends the work where it breaks.
///
/// Memory: 8 bytes per object of a part, and two sections of runs.
///
/// # Errors
///
/// [`Error::BadPart`] for a file that is damaged, of another volume or of other settings, and where sections are
/// missing; [`em_io::Error::NotAMask`] where the values of all parts together are not those of a mask;
/// [`Error::TooManyComponents`] and [`Error::TemporaryFile`].
pub fn join_parts(
    files: &[PathBuf],
    folder: &Path,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Objects> {
    let mut joined = Joined::new(folder)?;
    for file in files {
        joined.add(PartFile::open(file)?, &mut progress)?;
    }
    joined.finish(files)
}

/// The file of a part, open.
struct PartFile<'a> {
    path: &'a Path,
    file: BufReader<File>,
    footer: Footer,
}

impl<'a> PartFile<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let damaged = |what: &str| bad(path, what, "what `find_part` has written");
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => damaged("fewer bytes than a part"),
            _ => Error::PartFile { path: path.to_owned(), source: error },
        };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut end = [0; 16];
        file.seek(SeekFrom::End(-16)).and_then(|_| file.read_exact(&mut end)).map_err(failed)?;
        let (footer_bytes, mark) = end.split_at(8);
        let footer_bytes = u64::from_le_bytes(footer_bytes.try_into().expect("there are eight"));
        if mark != MARK || footer_bytes > MOST_FOOTER.min(length - 16) {
            return Err(damaged("no footer"));
        }
        let mut footer = vec![0; usize::try_from(footer_bytes).map_err(|_| damaged("a long footer"))?];
        let start = length - 16 - footer_bytes;
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut footer)).map_err(failed)?;
        let footer: Footer = serde_json::from_slice(&footer).map_err(|_| damaged("an unknown footer"))?;
        let names = if footer.instances { 4 * u64::from(footer.objects) } else { 0 };
        let sums = if footer.sums_of.is_some() { 8 * u64::from(footer.objects) } else { 0 };
        let bytes = footer.bytes.iter().try_fold(names + sums, |sum, &bytes| sum.checked_add(bytes));
        let is_whole = bytes == Some(start)
            && footer.bytes.len() == footer.sections.len()
            && footer.sections.end <= footer.shape[0];
        if !is_whole {
            return Err(damaged("sections that do not fill it"));
        }
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(Self { path, file, footer })
    }

    /// Reads the runs of the next section, and checks that they lie in it.
    fn next(&mut self, bytes: u64) -> Result<(Vec<u8>, SectionRuns)> {
        let damaged = || bad(self.path, "runs that make no sense", "what `find_part` has written");
        let failed = |source| Error::PartFile { path: self.path.to_owned(), source };
        // The file is as long as all sections together.
        let mut encoded = vec![0; usize::try_from(bytes).map_err(|_| damaged())?];
        self.file.read_exact(&mut encoded).map_err(failed)?;
        let section = decode(&encoded, 0).ok_or_else(damaged)?;
        let [_, height, width] = self.footer.shape;
        let fits = section
            .runs()
            .iter()
            .all(|run| run.start < run.end && run.end as usize <= width && run.label < self.footer.objects);
        if section.height() != height || !fits {
            return Err(damaged());
        }
        Ok((encoded, section))
    }

    /// Reads the names of instances, which are behind the last section.
    fn names(&mut self) -> Result<Vec<u32>> {
        Ok(self.numbers()?.into_iter().map(u32::from_le_bytes).collect())
    }

    /// Reads the sums of probabilities, which are behind the names.
    fn sums(&mut self) -> Result<Vec<u64>> {
        Ok(self.numbers()?.into_iter().map(u64::from_le_bytes).collect())
    }

    /// Reads as many bytes for each object.
    fn numbers<const BYTES: usize>(&mut self) -> Result<Vec<[u8; BYTES]>> {
        let failed = |source| Error::PartFile { path: self.path.to_owned(), source };
        let mut numbers = vec![[0; BYTES]; self.footer.objects as usize];
        self.file.read_exact(numbers.as_flattened_mut()).map_err(failed)?;
        Ok(numbers)
    }
}

/// The parts that were joined so far.
struct Joined {
    first: Option<Footer>,
    runs_on_disk: RunsOnDisk,
    sets: DisjointSets,
    /// The names of instances, one for each label.
    names: Vec<u32>,
    /// The type whose sums all parts have, if any: they may have been found by programs of other settings.
    sums_of: Option<Summed>,
    /// The sums of the probabilities, one for each label.
    sums: Vec<u64>,
    values: MaskValues,
    /// The section before, with labels of the whole volume.
    before: Option<SectionRuns>,
}

impl Joined {
    fn new(folder: &Path) -> Result<Self> {
        Ok(Self {
            first: None,
            runs_on_disk: RunsOnDisk::create(folder)?,
            sets: DisjointSets::default(),
            names: Vec::new(),
            sums_of: None,
            sums: Vec::new(),
            values: MaskValues::default(),
            before: None,
        })
    }

    fn add(
        &mut self,
        mut part: PartFile<'_>,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<()> {
        self.check(&part)?;
        let footer = part.footer.clone();
        let mut base = None;
        for _ in 0..footer.objects {
            let label = self.sets.add().ok_or(Error::TooManyComponents)?;
            base.get_or_insert(label);
        }
        // A part without objects has no labels.
        let base = base.unwrap_or_default();
        for (index, &bytes) in footer.bytes.iter().enumerate() {
            let (encoded, section) = part.next(bytes)?;
            let here = section.relabelled(|label| Some(base + label));
            let is_face = index == 0 && footer.extent == Extent::Volume && !footer.instances;
            if let Some(before) = self.before.as_ref().filter(|_| is_face) {
                for_each_touch(&here, before, footer.connectivity, |here, there| {
                    self.sets.join(here, there);
                });
            }
            self.runs_on_disk.push_bytes(&encoded, base)?;
            self.before = Some(here);
            told(progress(1))?;
        }
        if footer.instances {
            self.names.extend(part.names()?);
        }
        let is_first = footer.sections.start == 0;
        self.sums_of = footer.sums_of.filter(|_| is_first || self.sums_of == footer.sums_of);
        if self.sums_of.is_some() {
            self.sums.extend(part.sums()?);
        }
        Ok(())
    }

    /// Checks that a part goes on where the last one ended.
    fn check(&mut self, part: &PartFile<'_>) -> Result<()> {
        let (footer, next) = (&part.footer, self.runs_on_disk.count());
        if footer.sections.start != next {
            let found = format!("the sections {:?}", footer.sections);
            return Err(bad(part.path, found, format!("those from {next} on")));
        }
        let alike = |footer: &Footer| {
            let Footer { shape, voxel_size_nm, extent, connectivity, instances, mask, .. } = *footer;
            (shape, voxel_size_nm, extent, connectivity, instances, mask)
        };
        let first = self.first.get_or_insert_with(|| footer.clone());
        if alike(first) != alike(footer) {
            return Err(bad(part.path, "another volume or other settings", "those of the first part"));
        }
        footer.values.iter().for_each(|&value| self.values.add_value(value));
        if footer.mask && !self.values.is_mask() {
            return Err(self.values.error(None, footer.sections.start).into());
        }
        Ok(())
    }

    fn finish(self, files: &[PathBuf]) -> Result<Objects> {
        let none = || bad(Path::new(""), "no part", "at least one");
        let Footer { shape, extent, voxel_size_nm, instances, .. } = self.first.ok_or_else(none)?;
        let found = self.runs_on_disk.count();
        if found != shape[0] {
            let last = files.last().map_or(Path::new(""), PathBuf::as_path);
            let found = format!("the end of what is given, at section {found}");
            return Err(bad(last, found, format!("parts up to section {}", shape[0])));
        }
        let (numbers, names) = if instances { by_name(&self.names) } else { by_set(self.sets) };
        let space = Space { shape, extent, voxel_size_nm };
        let sums = self.sums_of.map(|of| {
            let mut sums = vec![0; names.len()];
            numbers.iter().zip(self.sums).for_each(|(&number, sum)| {
                let whole: &mut u64 = &mut sums[number as usize - 1];
                *whole = whole.saturating_add(sum);
            });
            (of.stored(), sums)
        });
        let mut objects = Objects::of_runs(space, self.runs_on_disk, numbers, names);
        objects.set_probability_sums(sums);
        Ok(objects)
    }
}

/// Numbers components by their first voxels: the number of each label, and the name of each number.
fn by_set(sets: DisjointSets) -> (Vec<u32>, Vec<u32>) {
    let (mut numbers, count) = sets.numbered();
    numbers.iter_mut().for_each(|number| *number += 1);
    (numbers, (1..=count).collect())
}

/// Numbers instances by their names: the number of each label, and the name of each number.
fn by_name(names: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut all = names.to_vec();
    all.sort_unstable();
    all.dedup();
    // There are fewer than 2^32 names.
    let number = |name: &u32| all.binary_search(name).map_or(0, |place| place as u32 + 1);
    (names.iter().map(number).collect(), all)
}

fn bad(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::BadPart { path: path.to_owned(), found: found.into(), expected: expected.into() }
}
