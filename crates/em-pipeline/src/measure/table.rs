//! The table of objects, as columns of some of its rows at a time, which go to CSV, to Parquet and to the page
//! of `view` alike.

use std::io::{self, Write};
use std::sync::Arc;

use em_objects::{Nearest, Object, Physical};
use parquet::basic::{LogicalType, Repetition, Type as Physics};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::Distances;
use super::class::Measured;
use crate::staged::Staged;
use crate::{Result, display};

/// A column: its name and its values, one per object.
pub(crate) struct Column {
    pub name: String,
    pub values: Values,
}

pub(crate) enum Values {
    Text(Vec<String>),
    Whole(Vec<i64>),
    Flag(Vec<bool>),
    /// A measure that may not exist.
    Number(Vec<Option<f64>>),
}

/// An object of a class, with the nearest object of each other class.
struct Row<'a> {
    /// The class.
    class: &'a str,
    /// What was measured.
    object: &'a Object,
    /// The nearest object of each of `classes`, in their order; `None` for its own class.
    nearest: Vec<Option<Nearest>>,
}

/// Writes objects.csv and objects.parquet: the objects of all classes, and the nearest of each.
pub fn write(staged: &Staged, classes: &[&Measured], nearest: &Distances) -> Result<()> {
    let groups = || groups(classes, nearest);
    em_io::write_atomically(&staged.path("objects.csv"), |file| write_csv(groups(), file))?;
    em_io::write_atomically(&staged.path("objects.parquet"), |file| write_parquet(groups(), file))?;
    Ok(())
}

/// The columns of a few objects at a time; of none where there are none.
fn groups(classes: &[&Measured], nearest: &Distances) -> impl Iterator<Item = Vec<Column>> {
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let places = classes.iter().enumerate();
    let mut rows =
        places.flat_map(|(number, class)| (0..class.objects.len()).map(move |place| (number, place)));
    let mut is_first = true;
    std::iter::from_fn(move || {
        let group: Vec<Row<'_>> = rows
            .by_ref()
            .take(ROWS_AT_ONCE)
            .map(|(number, place)| Row {
                class: &classes[number].name,
                object: &classes[number].objects[place],
                nearest: names
                    .iter()
                    .map(|other| nearest[number].get(other).and_then(|found| found[place]))
                    .collect(),
            })
            .collect();
        let goes_on = is_first || !group.is_empty();
        is_first = false;
        goes_on.then(|| columns(&names, &group))
    })
}

/// The columns of the objects of one class.
pub(crate) fn of_class(class: &str, objects: &[Object]) -> Vec<Column> {
    let row = |object| Row { class, object, nearest: vec![None] };
    let rows: Vec<Row<'_>> = objects.iter().map(row).collect();
    columns(&[class.to_owned()], &rows)
}

/// Puts the columns of a table together. With one class there is none to be near to.
fn columns(classes: &[String], rows: &[Row<'_>]) -> Vec<Column> {
    let mut columns = vec![
        text("class", rows.iter().map(|row| row.class.to_owned())),
        whole("id", rows.iter().map(|row| i64::from(row.object.id))),
        // A volume of 2^63 voxels fits nowhere.
        whole("voxels", rows.iter().map(|row| row.object.voxels as i64)),
        physical("volume_um3", rows, |p| Some(p.volume_um3)),
    ];
    for (axis, name) in ["z", "y", "x"].into_iter().enumerate() {
        columns.push(number(format!("centroid_{name}"), rows, |o| Some(o.centroid[axis])));
    }
    for (axis, name) in ["z", "y", "x"].into_iter().enumerate() {
        columns.push(physical(format!("centroid_{name}_nm"), rows, |p| Some(p.centroid_nm[axis])));
    }
    for (end, of) in [("start", (|o| o.start) as fn(&Object) -> [usize; 3]), ("end", |o| o.end)] {
        for (axis, name) in ["z", "y", "x"].into_iter().enumerate() {
            columns.push(whole(format!("{end}_{name}"), rows.iter().map(|row| of(row.object)[axis] as i64)));
        }
    }
    for (end, of) in [("start", (|p| p.start_nm) as fn(&Physical) -> [f64; 3]), ("end", |p| p.end_nm)] {
        for (axis, name) in ["z", "y", "x"].into_iter().enumerate() {
            columns.push(physical(format!("{end}_{name}_nm"), rows, |p| Some(of(p)[axis])));
        }
    }
    columns.push(physical("surface_um2", rows, |p| Some(p.surface_um2)));
    columns.push(physical("equivalent_diameter_nm", rows, |p| Some(p.equivalent_diameter_nm)));
    for axis in 0..3 {
        columns.push(physical(format!("axis_{}_nm", axis + 1), rows, |p| Some(p.axes_nm[axis])));
    }
    for (place, name) in ["z", "y", "x"].into_iter().enumerate() {
        columns.push(physical(format!("axis_1_{name}"), rows, |p| Some(p.directions[0][place])));
    }
    columns.push(physical("elongation", rows, |p| p.elongation));
    columns.push(physical("flatness", rows, |p| p.flatness));
    columns.push(physical("sphericity", rows, |p| p.sphericity));
    let touching = rows.iter().map(|row| row.object.touches_border).collect();
    columns.push(Column { name: "touches_border".into(), values: Values::Flag(touching) });
    columns.push(number("mean_probability", rows, |o| o.mean_probability));
    columns.push(number("section_change", rows, |o| o.section_change));
    // An object of 2^63 faces fits nowhere.
    columns.push(whole("contact_faces", rows.iter().map(|row| row.object.contact_faces as i64)));
    if classes.len() > 1 {
        for (place, class) in classes.iter().enumerate() {
            let near = |of: fn(&Nearest) -> f64| {
                Values::Number(rows.iter().map(|row| row.nearest[place].as_ref().map(of)).collect())
            };
            columns.push(Column { name: format!("nearest_{class}_nm"), values: near(|n| n.distance_nm) });
            columns.push(Column { name: format!("nearest_{class}_id"), values: near(|n| f64::from(n.id)) });
        }
    }
    columns
}

fn text(name: &str, values: impl Iterator<Item = String>) -> Column {
    Column { name: name.into(), values: Values::Text(values.collect()) }
}

fn whole(name: impl Into<String>, values: impl Iterator<Item = i64>) -> Column {
    Column { name: name.into(), values: Values::Whole(values.collect()) }
}

fn number(name: impl Into<String>, rows: &[Row<'_>], of: impl Fn(&Object) -> Option<f64>) -> Column {
    Column { name: name.into(), values: Values::Number(rows.iter().map(|row| of(row.object)).collect()) }
}

fn physical(name: impl Into<String>, rows: &[Row<'_>], of: impl Fn(&Physical) -> Option<f64>) -> Column {
    number(name, rows, |object| object.physical.as_ref().and_then(&of))
}

/// Rows that are columns at a time: more would take memory, fewer make Parquet files larger.
const ROWS_AT_ONCE: usize = 1 << 16;

/// Writes groups of rows, at least one, as CSV; what does not exist is empty.
fn write_csv(groups: impl Iterator<Item = Vec<Column>>, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for (number, columns) in groups.enumerate() {
        if number == 0 {
            writer.write_record(columns.iter().map(|column| &column.name))?;
        }
        let rows = columns.first().map_or(0, |column| column.values.len());
        for row in 0..rows {
            writer.write_record(columns.iter().map(|column| column.values.cell(row)))?;
        }
    }
    writer.flush()?;
    Ok(())
}

impl Values {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }

    /// A value as JSON; what does not exist is null.
    pub(crate) fn json(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Text(values) => values[row].as_str().into(),
            Self::Whole(values) => values[row].into(),
            Self::Flag(values) => values[row].into(),
            Self::Number(values) => values[row].into(),
        }
    }

    fn cell(&self, row: usize) -> String {
        match self {
            Self::Text(values) => values[row].clone(),
            Self::Whole(values) => values[row].to_string(),
            Self::Flag(values) => values[row].to_string(),
            Self::Number(values) => values[row].map_or(String::new(), display::seven_digits),
        }
    }

    fn parquet_type(&self, name: &str) -> io::Result<Type> {
        let (physics, repetition, logical) = match self {
            Self::Text(_) => (Physics::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String)),
            Self::Whole(_) => (Physics::INT64, Repetition::REQUIRED, None),
            Self::Flag(_) => (Physics::BOOLEAN, Repetition::REQUIRED, None),
            Self::Number(_) => (Physics::DOUBLE, Repetition::OPTIONAL, None),
        };
        let builder = Type::primitive_type_builder(name, physics).with_repetition(repetition);
        Ok(builder.with_logical_type(logical).build()?)
    }

    fn write_parquet(&self, writer: &mut ColumnWriter<'_>) -> io::Result<()> {
        match (self, writer) {
            (Self::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let bytes: Vec<ByteArray> = values.iter().map(|text| text.as_str().into()).collect();
                writer.write_batch(&bytes, None, None)?;
            }
            (Self::Whole(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, None, None)?;
            }
            (Self::Flag(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, None, None)?;
            }
            (Self::Number(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let known: Vec<f64> = values.iter().copied().flatten().collect();
                let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
                writer.write_batch(&known, Some(&levels), None)?;
            }
            _ => {
                return Err(io::Error::other(
                    "a column of the Parquet file has another type than its schema",
                ));
            }
        }
        Ok(())
    }
}

/// Writes groups of rows, at least one, as a Parquet file; what does not exist is null.
fn write_parquet(groups: impl Iterator<Item = Vec<Column>>, out: impl Write + Send) -> io::Result<()> {
    let mut groups = groups.peekable();
    let first = groups.peek().ok_or_else(|| io::Error::other("a table without a group of rows"))?;
    let fields = first.iter().map(|column| Ok(Arc::new(column.values.parquet_type(&column.name)?)));
    let schema =
        Type::group_type_builder("objects").with_fields(fields.collect::<io::Result<_>>()?).build()?;
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(out, Arc::new(schema), properties)?;
    for columns in groups {
        let mut group = file.next_row_group()?;
        for column in &columns {
            let mut writer = group
                .next_column()?
                .ok_or_else(|| io::Error::other("the Parquet file has too few columns"))?;
            column.values.write_parquet(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}
