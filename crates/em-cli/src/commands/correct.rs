//! `em-cli correct`: a label volume and edits of its objects in; corrected labels, table and summary out.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use em_pipeline::Observer;
use em_pipeline::correct::{
    Corrections, Edit, EditFile, Refusal, SaveRequest, corrected_folder, read_edits, save,
};
use em_pipeline::measure::ClassFiles;

use crate::arguments::{NamedFile, distance, voxel_size};
use crate::cli::EventArgs;
use crate::commands::measure::{attach, done};
use crate::console::{self, observed, say};
use crate::error::UserError;

/// Arguments of `correct`.
#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// A label volume of each class, as CLASS=FILE, each value but 0 an object; FILE alone is named after the file.
    #[arg(required = true, value_name = "CLASS=LABELS")]
    labels: Vec<NamedFile>,
    /// Edits of a class, as CLASS=FILE, or FILE for a single class: the file that `em-cli view` keeps beside the labels, or one edit for each line, such as {"kind": "delete", "object": 7}.
    #[arg(long, required = true, value_name = "CLASS=FILE")]
    edits: Vec<NamedFile>,
    /// Probabilities of a class, as CLASS=FILE, by which objects are split, and for their mean probability.
    #[arg(long, value_name = "CLASS=FILE")]
    probabilities: Vec<NamedFile>,
    /// The folder to write the corrected labels.tif, objects.csv, objects.parquet, summary.json, histograms.png and report.html to; NAME-corrected beside the labels if absent.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Where to write the label volumes, in any format that is written; several classes as {name}_{class}. DIR/labels.tif if absent.
    #[arg(long = "labels", value_name = "OUT")]
    labels_to: Option<PathBuf>,
    /// Voxel size in nm, where the files do not tell it or tell it wrong.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Farthest distance, in nm, at which a nearest object of another class is looked for.
    #[arg(long, default_value_t = 1000.0, value_name = "NM", value_parser = distance)]
    nearest_within: f64,
    /// Replace the results that are in the folder, and the label volumes.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &CorrectArgs) -> Result<()> {
    let classes = args.classes()?;
    let folder = args.folder();
    let mut request = SaveRequest::new(classes.clone(), &folder);
    request.labels.clone_from(&args.labels_to);
    request.nearest_within_nm = args.nearest_within;
    request.overwrite = args.overwrite;
    request.check()?;
    let measurement = observed("start the command again", |observer| {
        let mut corrections = Vec::new();
        for files in &classes {
            corrections.push(corrected(files, args.edits_of(&files.name).next(), args.voxel_size, observer)?);
        }
        for class in corrections.iter().filter(|class| class.count() > 0) {
            observer.note(&format!("{}: edits that count: {}", class.name(), class.count()))?;
        }
        save(&request, &corrections.iter().collect::<Vec<_>>(), observer)
    })?;
    if console::tells_events() {
        return done(&folder, &measurement);
    }
    for class in &measurement.classes {
        say!("{}: {} objects", class.name, class.summary.objects);
    }
    say!("labels, objects.csv, objects.parquet and summary.json are in `{}`", folder.display());
    say!("report: {}", measurement.report.display());
    Ok(())
}

impl CorrectArgs {
    /// The folder of the results.
    fn folder(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| corrected_folder(&self.labels[0].path))
    }

    fn classes(&self) -> Result<Vec<ClassFiles>> {
        let mut classes: Vec<ClassFiles> =
            self.labels.iter().map(|file| ClassFiles::new(&file.name, &file.path)).collect();
        attach(&mut classes, &self.probabilities, "probabilities", |class| &mut class.probabilities)?;
        let known =
            |file: &NamedFile| classes.len() == 1 || classes.iter().any(|class| class.name == file.name);
        if let Some(file) = self.edits.iter().find(|file| !known(file)) {
            let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
            let message = format!("--edits is given for `{}`; classes are: {}", file.name, names.join(", "));
            return Err(
                UserError::new(message, "name both alike, as in m=labels.tif --edits m=edits.jsonl").into()
            );
        }
        if let Some(class) = classes.iter().find(|class| self.edits_of(&class.name).nth(1).is_some()) {
            let message = format!("two files of edits are given for the class `{}`", class.name);
            let hint = "put them together into one, in the order of the edits";
            return Err(UserError::new(message, hint).into());
        }
        Ok(classes)
    }

    /// The files of edits of a class: none where only another one is corrected, and all for a single class.
    fn edits_of(&self, class: &str) -> impl Iterator<Item = &Path> {
        let is_of_class = move |file: &&NamedFile| self.labels.len() == 1 || file.name == class;
        self.edits.iter().filter(is_of_class).map(|file| file.path.as_path())
    }
}

/// Opens a label volume, and does what a file asks for.
fn corrected(
    files: &ClassFiles,
    edits: Option<&Path>,
    voxel_size: Option<[f64; 3]>,
    observer: &mut Observer<'_>,
) -> em_pipeline::Result<Corrections> {
    let scratch = std::env::temp_dir();
    let Some(path) = edits else {
        return Corrections::open(files, voxel_size, (Path::new(""), Vec::new()), &scratch, observer);
    };
    let asked = match read_edits(path)? {
        EditFile::Journal(lines) => {
            return Corrections::open(files, voxel_size, (path, lines), &scratch, observer);
        }
        EditFile::Asked(asked) => asked,
    };
    let mut corrections = Corrections::open(files, voxel_size, (path, Vec::new()), &scratch, observer)?;
    for (number, edit) in (1..).zip(asked) {
        do_edit(&mut corrections, number, edit, path)?;
    }
    Ok(corrections)
}

fn do_edit(corrections: &mut Corrections, number: usize, edit: Edit, path: &Path) -> em_pipeline::Result<()> {
    let done = corrections.edit(&format!("line {number}"), edit);
    done.map(|_| ()).map_err(|refusal| {
        let (Refusal::Senseless(reason) | Refusal::Unwritten(reason)) = refusal;
        let message = format!("edit {number} of `{}` cannot be done: {reason}", path.display());
        em_pipeline::UserError::new(message, "nothing is written; mend the line, or take it out").into()
    })
}
