//! The page of a run: what it says, what it shows, and what its script draws.

use std::collections::BTreeMap;
use std::path::Path;

use em_data::TrainingSet;
use em_metrics::calibration::ReliabilityBin;
use em_model::{History, ModelCard, RunFolder};
use serde::Serialize;

use super::charts::{Axis, Bars, Chart, Charts, Lines, Series, of_history};
use super::page::{self, MadeBy, Table, data_url, day};
use super::score_tables::{self, SectionTable};
use super::sections::{self, Browser};
use super::side::{PlaceOfSide, ScoredSide, short_names};
use super::{RunScores, SideScores, words};
use crate::display;
use crate::error::{Error, Result};
use crate::inputs::Input;
use crate::scores::ClassScores;

/// Everything that the page is made from.
pub struct RunToShow<'a> {
    pub run: &'a RunFolder,
    pub card: &'a ModelCard,
    pub scores: &'a RunScores,
    /// Validation.
    pub side: &'a ScoredSide,
    /// Where the sections of the test stacks are from; none without a test.
    pub test_names: &'a [String],
    pub set: &'a TrainingSet,
    pub history: &'a History,
    pub inputs: &'a [Input],
    /// It begins with the commands that the run was made by.
    pub config: &'a str,
}

/// What the template takes.
#[derive(Serialize)]
struct Content<'a> {
    title: String,
    facts: Vec<String>,
    /// Addresses and names of the parts of the page.
    sections: Vec<(&'static str, &'static str)>,
    warnings: Vec<String>,
    notes: Vec<String>,
    sides: Vec<Side>,
    charts: &'a Charts,
    browser: Option<BrowserFacts>,
    places: &'a [WorstPlace],
    samples: Option<String>,
    model: Table,
    made_by: MadeBy,
}

/// Validation or test.
#[derive(Serialize)]
struct Side {
    id: &'static str,
    title: &'static str,
    classes: Vec<Class>,
}

/// The scores of a class.
#[derive(Serialize)]
struct Class {
    name: String,
    rule: String,
    words: Vec<String>,
    pooled: Table,
    objects: Table,
    notes: Vec<String>,
    sections: SectionTable,
}

/// What is said of the browser.
#[derive(Serialize)]
struct BrowserFacts {
    embedded: usize,
    total: usize,
    classes: Vec<String>,
    shrunk: bool,
}

/// A place in which much went wrong, and where to find it in the browser.
#[derive(Serialize)]
struct WorstPlace {
    class: usize,
    class_name: String,
    mistake: super::places::Mistake,
    /// Its voxels, and its volume where that is known.
    extent: String,
    /// Where it is.
    name: String,
    sections: usize,
    /// Its section in the browser.
    embedded: usize,
    /// Its box there, `[y, x]` in voxels from the section's first one.
    start: [usize; 2],
    size: [usize; 2],
}

/// What the script draws.
#[derive(Serialize)]
struct Data<'a> {
    charts: &'a Charts,
    browser: Option<Browser>,
    places: &'a [WorstPlace],
}

/// Writes the page.
///
/// # Errors
///
/// Fails if the sections cannot be encoded.
pub fn html(shown: &RunToShow<'_>) -> Result<String> {
    let found = shown.side.places(shown.set)?;
    let browser = browser(shown, &found)?;
    let places: Vec<WorstPlace> =
        found.iter().filter_map(|place| worst(shown, browser.as_ref(), place)).collect();
    let charts = charts(shown);
    let samples = samples(&shown.run.samples())?;
    let (validation, test) = (&shown.scores.validation, shown.scores.test.as_ref());
    let of_validation =
        |number: usize| (shown.side.sections[number].name.clone(), place_of(browser.as_ref(), number));
    let of_test = |number: usize| (shown.test_names[number].clone(), None);
    let mut sides = vec![side(shown, ("validation", "Validation"), validation, of_validation)];
    sides.extend(test.map(|test| side(shown, ("test", "Test"), test, of_test)));
    let content = Content {
        title: title(shown),
        facts: facts(shown),
        sections: parts(test.is_some(), browser.is_some(), !places.is_empty(), samples.is_some()),
        warnings: words::warnings(shown.card, shown.scores),
        notes: words::of_folds(shown.scores).into_iter().collect(),
        sides,
        charts: &charts,
        browser: browser.as_ref().map(browser_facts),
        places: &places,
        samples,
        model: model(shown.card),
        made_by: MadeBy::new(commands(shown.config), shown.inputs, shown.config),
    };
    page::html("run.html", &content, &Data { charts: &charts, browser, places: &places })
}

/// The parts of the page that are there.
fn parts(test: bool, browser: bool, places: bool, samples: bool) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("summary", "Summary", true),
        ("validation", "Validation", true),
        ("test", "Test", test),
        ("browser", "Sections", browser),
        ("places", "Worst places", places),
        ("curves", "Curves", true),
        ("thresholds", "Thresholds", browser),
        ("objects", "Objects", browser),
        ("samples", "Training tiles", samples),
        ("model", "Model", true),
        ("made-by", "Configuration", true),
    ];
    all.into_iter().filter(|(_, _, there)| *there).map(|(id, name, _)| (id, name)).collect()
}

fn title(shown: &RunToShow<'_>) -> String {
    let absolute = std::path::absolute(shown.run.path()).unwrap_or_default();
    let name = absolute.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned());
    format!("{name}: {}", shown.card.classes.join(" and "))
}

/// What stands below the title: when, on which data, by which version.
fn facts(shown: &RunToShow<'_>) -> Vec<String> {
    let modified = std::fs::metadata(shown.run.weights()).and_then(|weights| weights.modified());
    let mut facts: Vec<String> = modified.ok().map(day).into_iter().collect();
    let names = short_names(shown.set);
    facts.push(match &names[..] {
        [first, .., last] if names.len() > 3 => format!("data: {} volumes, {first} to {last}", names.len()),
        few => format!("data: {}", few.join(", ")),
    });
    let epochs = shown.history.rows.len();
    facts.push(format!("epoch {} of {epochs} kept", shown.card.epoch));
    facts.push(format!("em-cli {}", shown.card.em_model));
    facts
}

/// The commands that a configuration begins with.
fn commands(config: &str) -> Option<String> {
    let lines = config.lines().map_while(|line| line.strip_prefix("# "));
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("em-cli ")).collect();
    (!commands.is_empty()).then(|| commands.join("\n"))
}

/// Sections to browse: those of the worst places first, then of the scores, where not all of them can be there.
fn browser(shown: &RunToShow<'_>, places: &[PlaceOfSide]) -> Result<Option<Browser>> {
    let side = shown.side;
    let total = side.sections.len();
    if total == 0 {
        return Ok(None);
    }
    let classes = shown.set.classes();
    let of_places = |class: usize| -> Vec<usize> {
        places.iter().filter(|place| place.class == class).map(|place| place.section).collect()
    };
    let of_places: Vec<_> = (0..classes.len()).map(of_places).collect();
    let ranked = |class: &String| side.ranked(class).into_iter().map(|(number, ..)| number).collect();
    let ranked: Vec<Vec<usize>> = classes.iter().map(ranked).collect();
    let numbers = sections::chosen(total, sections::first(&of_places, &ranked));
    let sources: Vec<_> = numbers.iter().map(|&number| side.source(shown.set, number)).collect();
    Ok(Some(Browser {
        pixel_nm: shown.card.voxel_size_nm.map(|[_, y, x]| [y, x]),
        classes: classes.to_vec(),
        total,
        sections: sections::embedded(&sources)?,
    }))
}

fn browser_facts(browser: &Browser) -> BrowserFacts {
    BrowserFacts {
        embedded: browser.sections.len(),
        total: browser.total,
        classes: browser.classes.clone(),
        shrunk: browser.sections.iter().any(|section| section.factor > 1),
    }
}

/// The place of a section in the browser.
fn place_of(browser: Option<&Browser>, number: usize) -> Option<usize> {
    browser?.sections.iter().position(|section| section.number == number)
}

/// A place as the page lists it; `None` where its section is not in the page.
fn worst(shown: &RunToShow<'_>, browser: Option<&Browser>, found: &PlaceOfSide) -> Option<WorstPlace> {
    let embedded = place_of(browser, found.section)?;
    let place = &found.place;
    let volume = shown.card.voxel_size_nm.map_or(String::new(), |size| {
        let um3 = size.iter().product::<f64>() * 1e-9 * place.voxels as f64;
        format!(", {}", display::volume(um3))
    });
    Some(WorstPlace {
        class: found.class,
        class_name: shown.set.classes()[found.class].clone(),
        mistake: place.mistake,
        extent: format!("{} voxels{volume}", place.voxels),
        name: shown.side.sections[found.section].name.clone(),
        sections: place.sections,
        embedded,
        start: place.start,
        size: place.size,
    })
}

fn side(
    shown: &RunToShow<'_>,
    (id, title): (&'static str, &'static str),
    scores: &SideScores,
    named: impl Fn(usize) -> (String, Option<usize>),
) -> Side {
    let class = |(name, of_class): (&String, &ClassScores)| {
        let threshold = shown.scores.thresholds.get(name).copied().unwrap_or(0.5);
        let cleaning = shown.scores.cleaning.get(name).copied().unwrap_or_default();
        Class {
            name: name.clone(),
            rule: words::of_rule(threshold, &cleaning),
            words: words::of_class(name, of_class),
            pooled: score_tables::pooled(of_class),
            objects: score_tables::objects(of_class),
            notes: score_tables::notes(of_class),
            sections: score_tables::sections(of_class, &named),
        }
    };
    Side { id, title, classes: scores.iter().map(class).collect() }
}

fn charts(shown: &RunToShow<'_>) -> Charts {
    let (mut thresholds, mut objects) = (Vec::new(), Vec::new());
    for (number, class) in shown.set.classes().iter().enumerate() {
        let Some(scores) = shown.scores.validation.get(class).filter(|s| !s.sections.is_empty()) else {
            continue;
        };
        if let Some(curve) = shown.side.thresholds.get(class) {
            let chosen = shown.scores.thresholds.get(class).copied().unwrap_or(0.5);
            thresholds.push(Chart::Lines(curve.chart(class, chosen)));
        }
        thresholds.extend(reliability(class, scores).map(Chart::Lines));
        let sizes = shown.side.object_voxels(shown.set, number);
        objects.push(Chart::Bars(sizes_of_objects(class, &sizes, scores)));
    }
    BTreeMap::from([
        ("curves".to_owned(), of_history(shown.history, shown.card.epoch)),
        ("thresholds".to_owned(), thresholds),
        ("objects".to_owned(), objects),
    ])
}

/// The reliability diagram of a class.
fn reliability(class: &str, scores: &ClassScores) -> Option<Lines> {
    let bins = &scores.calibration.as_ref()?.bins;
    let point = |bin: &ReliabilityBin| Some((bin.probability()?, bin.foreground_share()));
    Some(Lines {
        title: format!("{class}: calibration"),
        note: words::of_calibration(scores)?,
        x: Axis::unit("mean probability"),
        y: Axis::unit("share that is labelled"),
        series: vec![Series { name: "labelled".into(), points: bins.iter().filter_map(point).collect() }],
        marks: Vec::new(),
        diagonal: true,
    })
}

/// The diameters of objects of so many voxels, labelled and predicted: of balls, or of discs in sections.
fn sizes_of_objects(class: &str, voxels: &[Vec<u64>; 2], scores: &ClassScores) -> Bars {
    let ([z, y, x], unit) = (scores.ruler.voxel, scores.ruler.unit.name());
    let is_volume = scores.objects.dimensions == 3;
    let diameter = |&voxels: &u64| {
        let voxels = voxels as f64;
        match is_volume {
            true => (6.0 * voxels * z * y * x / std::f64::consts::PI).cbrt(),
            false => (4.0 * voxels * y * x / std::f64::consts::PI).sqrt(),
        }
    };
    let [labelled, predicted] =
        [&voxels[0], &voxels[1]].map(|voxels| voxels.iter().map(diameter).collect::<Vec<f64>>());
    let axis = format!("diameter of a {} as large, {unit}", if is_volume { "ball" } else { "disc" });
    let sets = [("labelled", labelled.as_slice()), ("predicted", predicted.as_slice())];
    let mut bars = Bars::of(&format!("{class}: sizes of objects"), &axis, &sets);
    bars.note = format!("{} labelled, {} predicted", labelled.len(), predicted.len());
    bars
}

/// Bytes above which the training tiles are written as JPEG.
const LARGE_SAMPLES: usize = 400_000;

/// The training tiles; runs of earlier versions have none.
fn samples(path: &Path) -> Result<Option<String>> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
    if bytes.len() <= LARGE_SAMPLES {
        return Ok(Some(data_url("png", &bytes)));
    }
    let failed = |error: image::ImageError| Error::Drawing(error.to_string());
    let picture = image::load_from_memory(&bytes).map_err(failed)?;
    // Twelve tiles, four in a row, are seen well on 1600 pixels.
    let picture = if picture.width() > 1600 { picture.thumbnail(1600, 1600) } else { picture }.into_rgb8();
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode_image(&picture)
        .map_err(failed)?;
    Ok(Some(data_url("jpeg", &jpeg)))
}

fn model(card: &ModelCard) -> Table {
    let a = &card.architecture;
    let size = card
        .voxel_size_nm
        .map_or("unknown".into(), |s| format!("{} x {} x {} nm [z, y, x]", s[0], s[1], s[2]));
    Table::of_facts([
        ("parameters", a.parameter_count().to_string()),
        ("filters", format!("{:?}", a.filters)),
        ("normalisation", serde_json::to_string(&card.normalization).unwrap_or_default()),
        ("voxel size", size),
        ("best epoch", card.epoch.to_string()),
        ("seed", card.seed.to_string()),
        ("em-model, libtorch", format!("{}, {}", card.em_model, card.libtorch)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_other_comments() {
        let config = "# note\n# em-cli train --config a.toml\n# em-cli train --resume\n[train]\n# em-cli x\n";
        assert_eq!(commands(config).as_deref(), Some("em-cli train --config a.toml\nem-cli train --resume"));
        assert_eq!(commands("[train]\n"), None);
    }
}
