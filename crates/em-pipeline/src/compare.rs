//! Runs side by side: what differs in their configurations, and how they score.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use em_model::{History, ModelCard};
use toml::{Table, Value};

use crate::drawing::{Chart, Curve, curves, png};
use crate::error::{Context, Result, UserError};
use crate::report::RunScores;
use crate::scores::{self, ClassScores, MEASURES, intervals};
use crate::target::Target;
use crate::{RunConfig, display, find_run};

mod page;

/// What is compared of a run.
#[derive(Debug)]
struct ComparedRun {
    path: PathBuf,
    card: ModelCard,
    config: BTreeMap<String, Value>,
    history: History,
    scores: BTreeMap<String, ClassScores>,
    /// Whether thresholds and cleaning were chosen on what is scored.
    is_tuned: bool,
    /// Reviewed regions that it was trained on.
    regions: Option<usize>,
}

/// Runs that are compared; the first is what the others are compared with.
#[derive(Debug)]
pub struct Comparison {
    runs: Vec<ComparedRun>,
}

impl Comparison {
    /// Reads the cards, configurations, histories and scores of runs.
    ///
    /// # Errors
    ///
    /// Fails if a file of a run is missing or damaged.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let runs = folders.iter().map(|path| ComparedRun::read(path)).collect::<Result<_>>()?;
        Ok(Self { runs })
    }

    /// Writes what differs, and the scores of each class, as tables of 60 columns.
    ///
    /// # Errors
    ///
    /// Fails if an interval cannot be computed.
    pub fn to_text(&self) -> Result<String> {
        let mut text = overview(&self.runs) + &differences(&self.runs);
        let classes: BTreeSet<&String> = self.runs.iter().flat_map(|run| run.scores.keys()).collect();
        for class in classes {
            text += &format!("\n{}", table(&self.runs, class)?);
        }
        Ok(text)
    }

    /// Draws the IoU of each class over the reviewed regions that runs were trained on, with the ends of
    /// its interval; runs of as many regions are averaged. PNG.
    ///
    /// # Errors
    ///
    /// Fails if there are not two numbers of regions, or the picture cannot be drawn.
    pub fn curve(&self) -> Result<Vec<u8>> {
        let numbers: BTreeSet<usize> = self.runs.iter().filter_map(|run| run.regions).collect();
        if numbers.len() < 2 {
            let message = "the runs were not trained on different numbers of reviewed regions";
            return Err(
                UserError::new(message, "name runs whose data.train.regions hold more and fewer").into()
            );
        }
        let classes: BTreeSet<&String> = self.runs.iter().flat_map(|run| run.scores.keys()).collect();
        let charts: Vec<Chart<'_>> = classes
            .into_iter()
            .map(|class| Chart { title: class, curves: self.curves_of(class, &numbers) })
            .collect();
        png(&curves(&charts, "reviewed regions", None)?)
    }

    fn curves_of(&self, class: &str, numbers: &BTreeSet<usize>) -> Vec<Curve> {
        let iou = &MEASURES[0];
        let curve = |name: &str, value: &dyn Fn(&ClassScores) -> Option<f64>| {
            let mean = |&number: &usize| {
                let runs = self.runs.iter().filter(|run| run.regions == Some(number));
                let values: Vec<f64> = runs.filter_map(|run| value(run.scores.get(class)?)).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                // There are far fewer than 2^52 regions.
                (!values.is_empty()).then_some((number as f64, mean))
            };
            Curve { name: name.into(), points: numbers.iter().filter_map(mean).collect() }
        };
        vec![
            curve("IoU", &|scores| (iou.get)(&scores.pooled)),
            curve("lower end, 95 %", &|scores| scores.interval(iou).map(|interval| interval.low)),
            curve("upper end, 95 %", &|scores| scores.interval(iou).map(|interval| interval.high)),
        ]
    }

    /// Writes a page: what differs, the scores with the intervals of their differences, and the curves of all
    /// runs over each other.
    ///
    /// # Errors
    ///
    /// Fails if an interval cannot be computed.
    pub fn to_page(&self) -> Result<String> {
        page::html(&self.runs)
    }

    /// Writes the page to a file, which is replaced where that is asked for.
    ///
    /// # Errors
    ///
    /// As [`Comparison::to_page`]; and if the file is there already, or cannot be written.
    pub fn write_page(&self, path: &Path, overwrite: bool) -> Result<()> {
        let target = Target::new(self.runs.iter().map(|run| &run.path), path, overwrite)?;
        let page = self.to_page()?;
        // The target is held already, so that nothing waits for it.
        em_io::write_atomically(&target.place(), |file| file.write_all(page.as_bytes()))?;
        target.finish()
    }

    /// Writes a row for each run, class and score; an empty cell is what does not exist.
    ///
    /// # Errors
    ///
    /// Fails if an interval cannot be computed.
    pub fn to_csv(&self) -> Result<String> {
        csv(&self.runs).context("the comparison cannot be written as CSV")
    }
}

impl ComparedRun {
    fn read(path: &Path) -> Result<Self> {
        let folder = find_run(path)?;
        // The card is read first: its error says what a run is.
        let card = ModelCard::read(&folder)?;
        // As it is understood today, so that keys that a run did not know yet have their defaults.
        let table: Table = toml::from_str(&RunConfig::load(&folder.config(), &[])?.to_toml()?)
            .with_context(|| format!("`{}` is damaged", folder.config().display()))?;
        let scores = RunScores::read(&folder)?;
        let mut config = BTreeMap::new();
        flatten("", &table, &mut config);
        flatten("", &masks(&scores), &mut config);
        let history = History::read(&folder)?;
        let (is_tuned, regions, scores) = (scores.tuned_on_validation, scores.regions, scores.validation);
        Ok(Self { path: path.to_owned(), card, config, history, scores, is_tuned, regions })
    }

    /// How long its epochs took, as far as that is known.
    fn seconds(&self) -> f64 {
        self.history.rows.iter().filter_map(|row| row.seconds).sum()
    }
}

/// What made probabilities the masks that were scored, as a section `masks.CLASS` for each class.
fn masks(scores: &RunScores) -> Table {
    let of_class = |(class, threshold): (&String, &f32)| {
        let mut keys = scores.cleaning.get(class).and_then(|c| Table::try_from(c).ok()).unwrap_or_default();
        // As it was written, and not as the nearest of twice as many digits.
        let threshold = threshold.to_string().parse().unwrap_or(f64::from(*threshold));
        keys.insert("threshold".into(), threshold.into());
        (class.clone(), Value::Table(keys))
    };
    let classes: Table = scores.thresholds.iter().map(of_class).collect();
    Table::from_iter([("masks".to_owned(), Value::Table(classes))])
}

/// Puts every key in, with its sections and dots.
fn flatten(prefix: &str, table: &Table, into: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        match value {
            Value::Table(table) => flatten(&format!("{prefix}{key}."), table, into),
            value => {
                into.insert(format!("{prefix}{key}"), value.clone());
            }
        }
    }
}

/// The runs with their numbers, which stand for them from here on.
fn overview(runs: &[ComparedRun]) -> String {
    let mut text = String::new();
    for (number, run) in (1..).zip(runs) {
        let (parameters, best) = (run.card.architecture.parameter_count(), run.card.epoch);
        let (epochs, time) = (run.history.rows.len(), display::duration(run.seconds()));
        text += &format!("{number}: {}\n", run.path.display());
        text += &format!("   {parameters} parameters, {epochs} epochs, best {best}, {time}\n");
        if let Some(regions) = run.regions {
            text += &format!("   {regions} reviewed regions\n");
        }
        if run.card.leaking_split {
            text += "   its validation leaks, tiles were split at random:\n   its scores are too good\n";
        }
        if run.is_tuned {
            text += "   its masks were tuned on validation:\n   its scores are too good\n";
        }
    }
    text
}

/// The keys whose values are not the same in all runs; where a run was put is no difference.
fn differing_keys(runs: &[ComparedRun]) -> Vec<&String> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    let differs = |key: &&String| runs.iter().any(|run| run.config.get(*key) != runs[0].config.get(*key));
    keys.into_iter().filter(|key| *key != "output.folder").filter(differs).collect()
}

fn value_of(run: &ComparedRun, key: &str) -> String {
    run.config.get(key).map_or("not set".into(), Value::to_string)
}

fn differences(runs: &[ComparedRun]) -> String {
    let keys = differing_keys(runs);
    let mut text = String::from("\nconfiguration\n");
    for key in &keys {
        text += &format!("  {key}\n");
        for (number, run) in (1..).zip(runs) {
            text += &format!("    {number}: {}\n", value_of(run, key));
        }
    }
    if keys.is_empty() { text + "  the same in all\n" } else { text }
}

/// The scores of a class on validation, a row for each score and run.
fn table(runs: &[ComparedRun], class: &str) -> Result<String> {
    let mut text = format!(
        "{class}, validation\n{:<14}{:>3}{:>7}{:>17}{:>19}\n",
        "", "run", "pooled", "95 % interval", "less run 1"
    );
    let of_class = runs.iter().filter_map(|run| run.scores.get(class));
    for measure in &MEASURES {
        for (number, run) in (1..).zip(runs) {
            let Some(of_run) = run.scores.get(class) else { continue };
            let difference = match runs[0].scores.get(class) {
                Some(first) if number > 1 => intervals::of_difference(first, of_run, measure)?,
                _ => None,
            };
            text += &format!(
                "{:<14}{number:>3}{:>7}{:>17}{:>19}\n",
                if number == 1 { measure.title } else { "" },
                scores::cell(measure, &of_run.pooled),
                scores::interval(measure, of_run.interval(measure)),
                difference.map_or(String::new(), |d| format!("{:+.4} to {:+.4}", d.low, d.high)),
            );
        }
    }
    let notes = of_class
        .flat_map(|of_run| [Some(scores::ruler(of_run)), scores::intervals_of(of_run)].into_iter().flatten());
    let notes: BTreeSet<String> = notes.collect();
    Ok(notes.into_iter().fold(text, |text, note| text + &note + "\n"))
}

fn csv(runs: &[ComparedRun]) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "run",
        "parameters",
        "epochs",
        "seconds",
        "class",
        "score",
        "unit",
        "pooled",
        "low",
        "high",
        "difference_low",
        "difference_high",
    ])?;
    let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.6}"));
    for run in runs {
        for (class, of_run) in &run.scores {
            for measure in &MEASURES {
                let interval = of_run.interval(measure);
                let difference = match runs[0].scores.get(class) {
                    Some(first) => intervals::of_difference(first, of_run, measure)?,
                    None => None,
                };
                writer.write_record([
                    run.path.display().to_string(),
                    run.card.architecture.parameter_count().to_string(),
                    run.history.rows.len().to_string(),
                    format!("{:.2}", run.seconds()),
                    class.clone(),
                    measure.key.to_owned(),
                    if measure.distance { of_run.ruler.unit.name().to_owned() } else { String::new() },
                    number((measure.get)(&of_run.pooled)),
                    number(interval.map(|i| i.low)),
                    number(interval.map(|i| i.high)),
                    number(difference.map(|i| i.low)),
                    number(difference.map(|i| i.high)),
                ])?;
            }
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
