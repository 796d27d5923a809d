//! Reviewed regions: boxes of a volume inside which labels are complete.
//!
//! Outside of them nobody looked, so that what lies there trains nothing and is scored nowhere.

use std::path::Path;

use em_io::Roi;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A box of voxels inside which all labels are complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewedRegion {
    /// What people call it.
    pub name: String,
    /// The box, `[z, y, x]`.
    pub roi: Roi,
}

/// `regions.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionsFile {
    format_version: u32,
    regions: Vec<JsonRegion>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRegion {
    #[serde(default)]
    name: String,
    start: [usize; 3],
    shape: [usize; 3],
}

/// A row of `regions.csv`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRegion {
    #[serde(default)]
    name: String,
    z: usize,
    y: usize,
    x: usize,
    depth: usize,
    height: usize,
    width: usize,
}

/// The version of the JSON layout.
const FORMAT_VERSION: u32 = 1;

/// What a file of regions looks like, for messages.
pub const EXPECTED: &str = "`{\"format_version\": 1, \"regions\": [{\"name\": \"a\", \"start\": [z, y, x], \"shape\": [depth, height, width]}]}`, or CSV with the columns name,z,y,x,depth,height,width";

/// How a file of regions is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Json,
    Csv,
}

impl Layout {
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err(problem(path, "ends neither in .json nor in .csv")),
        }
    }
}

impl ReviewedRegion {
    /// Reads the regions of a volume from `regions.json` or `regions.csv`, in the order of the file.
    ///
    /// A region without a name gets its number, from 1.
    ///
    /// # Errors
    ///
    /// [`Error::Regions`] where the file cannot be read, holds no region, one without voxels, or two of
    /// one name.
    ///
    /// ```
    /// use em_data::ReviewedRegion;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("regions.csv");
    /// std::fs::write(&path, "name,z,y,x,depth,height,width\nsoma,4,0,512,1,256,256\n").unwrap();
    /// let regions = ReviewedRegion::read_all(&path)?;
    /// assert_eq!((regions[0].name.as_str(), regions[0].roi.start), ("soma", [4, 0, 512]));
    /// # Ok::<(), em_data::Error>(())
    /// ```
    pub fn read_all(path: &Path) -> Result<Vec<Self>> {
        let layout = Layout::of(path)?;
        let text = std::fs::read_to_string(path)
            .map_err(|error| problem(path, &format!("cannot be read: {error}")))?;
        let regions = match layout {
            Layout::Json => of_json(path, &text)?,
            Layout::Csv => of_csv(path, &text)?,
        };
        check(path, &regions)?;
        Ok(regions)
    }

    /// Writes regions as `regions.json` or `regions.csv`, by the ending of the path; it appears whole or
    /// not at all.
    ///
    /// # Errors
    ///
    /// As [`read_all`](Self::read_all) would fail on it, and if the file cannot be written.
    pub fn write_all(path: &Path, regions: &[Self]) -> Result<()> {
        let layout = Layout::of(path)?;
        check(path, regions)?;
        let failed = |error: &dyn std::fmt::Display| problem(path, &format!("cannot be written: {error}"));
        let bytes = match layout {
            Layout::Json => {
                let regions = regions.iter().map(|region| JsonRegion {
                    name: region.name.clone(),
                    start: region.roi.start,
                    shape: region.roi.shape,
                });
                let file = RegionsFile { format_version: FORMAT_VERSION, regions: regions.collect() };
                let mut bytes = serde_json::to_vec_pretty(&file).map_err(|error| failed(&error))?;
                bytes.push(b'\n');
                bytes
            }
            Layout::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                for Self { name, roi } in regions {
                    let ([z, y, x], [depth, height, width]) = (roi.start, roi.shape);
                    let row = CsvRegion { name: name.clone(), z, y, x, depth, height, width };
                    writer.serialize(row).map_err(|error| failed(&error))?;
                }
                writer.into_inner().map_err(|error| failed(&error))?
            }
        };
        Ok(em_io::write_atomically(path, |file| file.write_all(&bytes))?)
    }

    /// Checks that the region lies in a volume of this shape.
    ///
    /// # Errors
    ///
    /// [`Error::Regions`] where it does not.
    pub fn expect_within(&self, path: &Path, shape: [usize; 3]) -> Result<()> {
        if self.roi.is_within(shape) {
            return Ok(());
        }
        let (name, start, end) = (&self.name, self.roi.start, self.roi.end());
        let told = format!(
            "holds the region `{name}` from {start:?} to {end:?} [z, y, x], outside of the volume's {shape:?} voxels"
        );
        Err(problem(path, &told))
    }
}

/// Puts boxes together that are so near each other that what one shows tells what the other does:
/// fewer than `gap` voxels lie between them, `[z, y, x]`, directly or through others. Returns the numbers of each
/// group, in the order of their first.
pub fn near(boxes: &[Roi], gap: [usize; 3]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, roi) in boxes.iter().enumerate() {
        let grown = Roi::from(std::array::from_fn(|axis| {
            roi.start[axis].saturating_sub(gap[axis])..roi.end()[axis].saturating_add(gap[axis])
        }));
        let is_near =
            |group: &Vec<usize>| group.iter().any(|&other| grown.intersection(boxes[other]).is_some());
        let (near, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_near);
        groups = apart;
        let mut group: Vec<usize> = near.into_iter().flatten().chain([number]).collect();
        group.sort_unstable();
        groups.push(group);
    }
    groups.sort_unstable();
    groups
}

fn of_json(path: &Path, text: &str) -> Result<Vec<ReviewedRegion>> {
    let file: RegionsFile = serde_json::from_str(text)
        .map_err(|error| problem(path, &format!("is no list of regions: {error}")))?;
    if file.format_version != FORMAT_VERSION {
        let version = file.format_version;
        return Err(problem(path, &format!("has format_version {version}, expected {FORMAT_VERSION}")));
    }
    let regions = (1..).zip(file.regions).map(|(number, JsonRegion { name, start, shape })| ReviewedRegion {
        name: named(name, number),
        roi: Roi { start, shape },
    });
    Ok(regions.collect())
}

fn of_csv(path: &Path, text: &str) -> Result<Vec<ReviewedRegion>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let rows = (1..).zip(reader.deserialize()).map(|(number, row)| {
        let CsvRegion { name, z, y, x, depth, height, width } =
            row.map_err(|error| problem(path, &format!("is no list of regions: {error}")))?;
        let roi = Roi { start: [z, y, x], shape: [depth, height, width] };
        Ok(ReviewedRegion { name: named(name, number), roi })
    });
    rows.collect()
}

fn named(name: String, number: usize) -> String {
    if name.is_empty() { number.to_string() } else { name }
}

fn check(path: &Path, regions: &[ReviewedRegion]) -> Result<()> {
    if regions.is_empty() {
        return Err(problem(path, "holds no region"));
    }
    for (number, ReviewedRegion { name, roi }) in regions.iter().enumerate() {
        if roi.voxels() == 0 {
            return Err(problem(
                path,
                &format!("holds the region `{name}` of {:?} voxels [z, y, x]", roi.shape),
            ));
        }
        if regions[..number].iter().any(|other| other.name == *name) {
            return Err(problem(path, &format!("holds two regions that are called `{name}`")));
        }
    }
    Ok(())
}

fn problem(path: &Path, problem: &str) -> Error {
    Error::Regions { path: path.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str, start: [usize; 3], shape: [usize; 3]) -> ReviewedRegion {
        ReviewedRegion { name: name.into(), roi: Roi { start, shape } }
    }

    fn read(name: &str, text: &str) -> Result<Vec<ReviewedRegion>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        ReviewedRegion::read_all(&path)
    }

    #[test]
    fn both_layouts_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let regions = [region("a, \"b\"", [0, 1, 2], [3, 4, 5]), region("soma", [9, 0, 0], [1, 512, 512])];
        for name in ["regions.json", "regions.CSV"] {
            let path = folder.path().join(name);
            ReviewedRegion::write_all(&path, &regions).unwrap();
            assert_eq!(ReviewedRegion::read_all(&path).unwrap(), regions, "{name}");
        }
        let other = folder.path().join("regions.txt");
        let error = ReviewedRegion::write_all(&other, &regions).unwrap_err().to_string();
        assert!(error.ends_with("regions.txt` ends neither in .json nor in .csv"), "{error}");
        let error = ReviewedRegion::write_all(&folder.path().join("no.json"), &[]).unwrap_err().to_string();
        assert!(error.ends_with("holds no region"), "{error}");
        assert!(!folder.path().join("no.json").exists());
    }

    #[test]
    fn a_region_without_a_name_is_called_by_its_number() {
        let found = read("r.csv", "z, y, x, depth, height, width\n1,2,3,4,5,6\n7,8,9,1,1,1\n").unwrap();
        assert_eq!(found, [region("1", [1, 2, 3], [4, 5, 6]), region("2", [7, 8, 9], [1, 1, 1])]);
        let found = read("r.json", r#"{"format_version":1,"regions":[{"start":[1,2,3],"shape":[4,5,6]}]}"#);
        assert_eq!(found.unwrap(), [region("1", [1, 2, 3], [4, 5, 6])]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (name, text, told) in [
            ("r.json", "{", "is no list of regions: EOF"),
            ("r.json", r#"{"format_version":2,"regions":[]}"#, "has format_version 2, expected 1"),
            ("r.json", r#"{"format_version":1,"regions":[]}"#, "holds no region"),
            (
                "r.json",
                r#"{"format_version":1,"regions":[{"start":[0,0,0],"shape":[1,1,1],"end":[1,1,1]}]}"#,
                "unknown field `end`",
            ),
            ("r.csv", "name,z,y,x,depth,height,width\n", "holds no region"),
            ("r.csv", "name,z,y,x,depth,height,width\na,0,0,0,1,0,1\n", "`a` of [1, 0, 1] voxels"),
            (
                "r.csv",
                "name,z,y,x,depth,height,width\na,0,0,0,1,1,1\na,9,0,0,1,1,1\n",
                "two regions that are called `a`",
            ),
            ("r.csv", "name,z,y,x,depth,height,width\na,-1,0,0,1,1,1\n", "is no list of regions: CSV"),
            ("r.csv", "name,z,y,x,d,h,w\na,1,0,0,1,1,1\n", "is no list of regions: CSV"),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let error = ReviewedRegion::read_all(Path::new("/no/regions.csv")).unwrap_err().to_string();
        assert!(error.contains("`/no/regions.csv` cannot be read"), "{error}");
    }

    #[test]
    fn a_region_outside_of_its_volume_is_named() {
        let path = Path::new("r.csv");
        region("a", [1, 0, 0], [2, 5, 5]).expect_within(path, [3, 5, 5]).unwrap();
        let error = region("a", [1, 0, 0], [2, 6, 5]).expect_within(path, [3, 5, 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`r.csv` holds the region `a` from [1, 0, 0] to [3, 6, 5] [z, y, x], outside of the volume's [3, 5, 5] voxels"
        );
    }

    #[test]
    fn boxes_that_are_near_through_others_are_one_group() {
        let at = |z: usize, x: usize| Roi { start: [z, 0, x], shape: [1, 10, 10] };
        let boxes = [at(0, 0), at(9, 0), at(4, 0), at(0, 40)];
        assert_eq!(near(&boxes, [3, 0, 0]), [vec![0], vec![1], vec![2], vec![3]]);
        assert_eq!(near(&boxes, [4, 0, 0]), [vec![0, 2], vec![1], vec![3]]);
        assert_eq!(near(&boxes, [5, 0, 0]), [vec![0, 1, 2], vec![3]]);
        assert_eq!(near(&boxes, [5, 0, 30]), [vec![0, 1, 2], vec![3]]);
        assert_eq!(near(&boxes, [5, 0, 31]), [vec![0, 1, 2, 3]]);
        assert!(near(&[], [0; 3]).is_empty());
    }
}
