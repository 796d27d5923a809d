//! The table of a layer's objects, with the columns of `objects.csv`.

use std::collections::BTreeSet;
use std::path::Path;

use em_io::Roi;
use em_objects::{DoubtReason, Object, doubts};
use serde_json::Value;

use crate::class_path::{class_path, stem};
use crate::correct::Corrections;
use crate::error::{Error, Result};
use crate::measure::table;

/// Rows of more are no table that anybody reads, and would take gigabytes.
const MOST_ROWS: usize = 100_000;

/// Objects, one a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectTable {
    /// Names of the columns, as in `objects.csv`.
    pub columns: Vec<String>,
    /// Values in the order of the columns; what does not exist is null.
    pub rows: Vec<Vec<Value>>,
    /// Objects that are left out: there are more than a table shows.
    pub left_out: usize,
}

impl ObjectTable {
    /// Reads the rows of the class of a label volume from the `objects.csv` beside it; `None` where there are
    /// none.
    ///
    /// # Errors
    ///
    /// Fails if the table cannot be read.
    pub(super) fn beside(labels: &Path, name: &str) -> Result<Option<Self>> {
        let path = labels.with_file_name("objects.csv");
        if !path.is_file() {
            return Ok(None);
        }
        let failed = |error: csv::Error| Error::While {
            doing: format!("`{}` could not be read", path.display()),
            source: Box::new(error),
        };
        let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
        let columns: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        let Some(class) = columns.iter().position(|column| column == "class") else { return Ok(None) };
        let mut table = Self { columns, ..Self::default() };
        let (stem, mut classes) = (stem(labels), Vec::new());
        for record in reader.records() {
            let record = record.map_err(failed)?;
            let of_row = record.get(class).unwrap_or_default();
            if !classes.iter().any(|known| known == of_row) {
                classes.push(of_row.to_owned());
            }
            if is_of(of_row, &stem, name) {
                table.push(record.iter().map(value).collect());
            }
        }
        // Labels of one class are called so, whatever the class is.
        if table.rows.is_empty() && classes.len() == 1 && stem == "labels" {
            return Self::beside(labels, &classes[0]);
        }
        Ok((!table.rows.is_empty()).then_some(table))
    }

    /// Makes the table of objects that were measured.
    pub(super) fn measured(class: &str, objects: &[Object]) -> Self {
        let shown = &objects[..objects.len().min(MOST_ROWS)];
        let columns = table::of_class(class, shown);
        let rows = (0..shown.len()).map(|row| columns.iter().map(|column| column.values.json(row)).collect());
        Self {
            rows: rows.collect(),
            left_out: objects.len() - shown.len(),
            columns: columns.into_iter().map(|column| column.name).collect(),
        }
    }

    /// Makes the table of objects that are corrected, with how doubtful each is.
    pub(super) fn corrected(corrections: &Corrections) -> Self {
        let objects: Vec<Object> = corrections.objects().values().cloned().collect();
        let mut table = Self::measured(corrections.name(), &objects);
        table.columns.extend(["doubt", "doubt_reason", "kept"].map(str::to_owned));
        let kept = corrections.kept();
        for ((row, object), doubt) in table.rows.iter_mut().zip(&objects).zip(doubts(&objects)) {
            let is_kept = kept.contains(&object.id);
            let (score, reason) = if is_kept { (0.0, None) } else { (doubt.score, doubt.reason) };
            row.extend([score.into(), reason.map(DoubtReason::name).into(), is_kept.into()]);
        }
        table
    }

    /// Returns the rows of some objects.
    pub fn rows_of(&self, ids: &BTreeSet<u32>) -> Vec<&Vec<Value>> {
        let Some(place) = self.columns.iter().position(|column| column == "id") else { return Vec::new() };
        let is_of = |row: &&Vec<Value>| {
            row[place].as_u64().and_then(|id| u32::try_from(id).ok()).is_some_and(|id| ids.contains(&id))
        };
        self.rows.iter().filter(is_of).collect()
    }

    fn push(&mut self, row: Vec<Value>) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push(row);
        } else {
            self.left_out += 1;
        }
    }

    /// Returns the box of the object of this number.
    pub(super) fn extent(&self, id: u64) -> Option<Roi> {
        let column = |name: &str| self.columns.iter().position(|column| column == name);
        let place = column("id")?;
        let row = self.rows.iter().find(|row| row[place].as_u64() == Some(id))?;
        let whole = |name: &str| usize::try_from(row[column(name)?].as_u64()?).ok();
        Some(Roi::from([
            whole("start_z")?..whole("end_z")?,
            whole("start_y")?..whole("end_y")?,
            whole("start_x")?..whole("end_x")?,
        ]))
    }
}

/// Tells whether a class is that of a label volume: by its file's name, or by the layer's.
fn is_of(class: &str, stem: &str, name: &str) -> bool {
    stem == class_path(Path::new("labels"), class).to_string_lossy() || class == stem || class == name
}

/// A cell as JSON: a whole number, a number, whether something is so, or text.
fn value(cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let whole = cell.parse::<i64>().map(Value::from);
    let number = || cell.parse::<f64>().map(Value::from);
    let flag = || cell.parse::<bool>().map(Value::from);
    whole.or_else(|_| number()).or_else(|_| flag()).unwrap_or_else(|_| cell.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "class,id,start_z,start_y,start_x,end_z,end_y,end_x,sphericity,touches_border\n\
        mito,1,0,1,2,3,4,5,0.5,true\n\
        mito,7,1,1,1,2,2,2,,false\n";

    fn table(labels: &str, name: &str, csv: &str) -> Option<ObjectTable> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("objects.csv"), csv).unwrap();
        ObjectTable::beside(&folder.path().join(labels), name).unwrap()
    }

    #[test]
    fn the_table_beside_labels_is_that_of_their_class() {
        let found = table("labels.tif", "anything", CSV).unwrap();
        assert_eq!(found.rows.len(), 2);
        assert_eq!(found.rows[0][8..], [Value::from(0.5), Value::from(true)]);
        assert_eq!(found.rows[1][8], Value::Null);
        assert_eq!(found.extent(1), Some(Roi::from([0..3, 1..4, 2..5])));
        assert_eq!(found.extent(2), None);
        let two = format!("{CSV}syn,1,0,0,0,1,1,1,,false\n");
        assert_eq!(table("labels_syn.tif", "anything", &two).unwrap().rows.len(), 1);
        assert_eq!(table("objects.zarr", "mito", &two).unwrap().rows.len(), 2);
        assert_eq!(table("labels.tif", "anything", &two), None, "of which class they are is not known");
        assert_eq!(table("neurons.tif", "neurons", CSV), None, "these are other labels");
        assert_eq!(table("labels.tif", "a", "id,voxels\n1,2\n"), None);
        assert_eq!(ObjectTable::beside(Path::new("nowhere/labels.tif"), "a").unwrap(), None);
    }
}
