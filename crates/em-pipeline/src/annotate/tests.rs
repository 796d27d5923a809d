//! What actions paint, and what is suggested and trained.

use std::collections::BTreeMap;
use std::path::Path;

use em_io::{Roi, VoxelSize, Voxels};
use ndarray::{Array3, s};
use tempfile::TempDir;

use super::*;
use crate::{Observer, silent};

mod imported;
mod opening;

const SHAPE: [usize; 3] = [6, 600, 700];

struct Desk {
    folder: TempDir,
}

impl Desk {
    /// A stack of stripes: columns 0 to 99 are dark, 100 to 199 bright, and so on.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stripes = Array3::from_shape_fn(SHAPE, |(_, _, x)| if (x / 100) % 2 == 0 { 60_u8 } else { 190 });
        em_io::write_volume(folder.path().join("raw.tif").as_path(), &Voxels::from(stripes), None).unwrap();
        Self { folder }
    }

    fn project(&self) -> Project {
        let mut request = ProjectRequest::new(self.folder.path().join("raw.tif"));
        request.voxel_size = Some(VoxelSize::new([40.0, 5.0, 5.0]).unwrap());
        request.classes = vec!["mitochondria".into(), "axons".into()];
        self.heard(|observer| Project::create(&self.path(), &request, observer)).unwrap()
    }

    fn open(&self) -> Project {
        self.heard(|observer| Project::open(&self.path(), observer)).unwrap()
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("project")
    }

    fn heard<T>(&self, work: impl FnOnce(&mut Observer<'_>) -> T) -> T {
        let mut unheard = silent;
        work(&mut Observer::new(&mut unheard))
    }

    /// All files of the labels and the regions.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        fn add(folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => add(&path, all),
                    false => drop(all.insert(path.display().to_string(), std::fs::read(&path).unwrap())),
                }
            }
        }
        let mut all = BTreeMap::new();
        add(&self.path().join("labels"), &mut all);
        if let Ok(regions) = std::fs::read(self.path().join("regions.json")) {
            all.insert("regions".into(), regions);
        }
        all
    }
}

/// Does what the page would send as JSON.
fn act(project: &mut Project, request: &str) -> Option<Roi> {
    let id = format!("id {}", project.ledger().actions().len());
    project.act(&id, serde_json::from_str(request).unwrap(), Suggested::default()).unwrap()
}

fn refusal(project: &mut Project, request: &str) -> String {
    let actions = project.ledger().actions().len();
    let refused = project.act("refused", serde_json::from_str(request).unwrap(), Suggested::default());
    assert_eq!(project.ledger().actions().len(), actions, "what is refused is not in the log");
    match refused.unwrap_err() {
        Refusal::Senseless(reason) => reason,
        Refusal::Unwritten(reason) => panic!("{reason}"),
    }
}

fn labels(project: &Project, class: usize) -> Array3<u8> {
    let volume = project.canvas().labels[class].volume().unwrap();
    volume.read_all().unwrap().to_f32().mapv(|value| value as u8)
}

fn count(project: &Project, class: usize, value: u8) -> usize {
    labels(project, class).iter().filter(|&&voxel| voxel == value).count()
}

const STROKE: &str =
    r#"{"kind":"stroke","class":"mitochondria","value":2,"z":2,"radius":6,"points":[[505,500],[520,530]]}"#;
const REGION: &str = r#"{"kind":"region","start":[2,400,400],"shape":[1,200,200]}"#;

#[test]
fn a_stroke_over_four_chunks_is_painted_and_taken_back() {
    let desk = Desk::new();
    let mut project = desk.project();
    let untouched = desk.files();
    let changed = act(&mut project, STROKE).unwrap();
    assert!(changed.start[1] <= 499 && changed.end()[1] >= 526 && changed.shape[0] == 1);
    let painted = labels(&project, 0);
    assert_eq!((painted[[2, 505, 500]], painted[[2, 519, 529]], painted[[1, 505, 500]]), (2, 2, 0));
    // A capsule: 2 r times its length, and a circle.
    let (length, found) = ((15.0_f64 * 15.0 + 30.0 * 30.0).sqrt(), count(&project, 0, 2) as f64);
    let expected = 12.0 * length + std::f64::consts::PI * 36.0;
    assert!((found - expected).abs() < 0.03 * expected, "{found} of {expected}");
    assert_eq!(count(&project, 1, 2), 0, "the other class has its own labels");

    act(&mut project, r#"{"kind":"undo"}"#);
    assert_eq!(desk.files(), untouched, "nothing stays of what is taken back");
    assert_eq!(refusal(&mut project, r#"{"kind":"undo"}"#), "there is nothing to undo");
    act(&mut project, r#"{"kind":"redo"}"#);
    assert_eq!(labels(&project, 0), painted);
    assert_eq!(refusal(&mut project, r#"{"kind":"redo"}"#), "there is nothing to redo");
}

#[test]
fn a_new_action_forgets_what_was_taken_back() {
    let desk = Desk::new();
    let mut project = desk.project();
    act(&mut project, STROKE);
    act(&mut project, r#"{"kind":"undo"}"#);
    act(&mut project, REGION);
    assert_eq!(refusal(&mut project, r#"{"kind":"redo"}"#), "there is nothing to redo");
    act(&mut project, r#"{"kind":"visited","start":[0,0,0],"shape":[1,9,9]}"#);
    act(&mut project, r#"{"kind":"undo"}"#);
    assert_eq!(project.regions(), [], "what was looked at is nothing to undo");
    assert_eq!(project.ledger().visited(), [Roi { start: [0; 3], shape: [1, 9, 9] }]);

    act(&mut project, r#"{"kind":"trained","run":1,"before":{"axons":0.5}}"#);
    assert_eq!(project.ledger().before(1).unwrap()["axons"], 0.5);
    assert_eq!(project.ledger().before(2), None);
    assert!(refusal(&mut project, r#"{"kind":"used","run":1}"#).contains("no trained network 1"));
    std::fs::create_dir_all(project.run(1).path()).unwrap();
    std::fs::write(project.run(1).weights(), "").unwrap();
    act(&mut project, r#"{"kind":"used","run":1}"#);
    assert_eq!((project.in_use(), project.model()), (Some(1), Some(project.run(1).path().to_owned())));
    act(&mut project, r#"{"kind":"used","run":null}"#);
    assert_eq!(project.in_use(), None);
    act(&mut project, r#"{"kind":"redo"}"#);
    assert_eq!(project.regions().len(), 1, "what the program noted stands in no one's way");
}

#[test]
fn a_region_makes_what_is_unknown_background_in_all_classes() {
    let desk = Desk::new();
    let mut project = desk.project();
    act(&mut project, STROKE);
    let foreground = count(&project, 0, 2);
    act(&mut project, REGION);
    assert_eq!((count(&project, 0, 2), count(&project, 0, 1)), (foreground, 40_000 - foreground));
    assert_eq!((count(&project, 1, 2), count(&project, 1, 1)), (0, 40_000));
    let file = desk.path().join("regions.json");
    let regions = em_data::ReviewedRegion::read_all(&file).unwrap();
    assert_eq!((regions[0].name.as_str(), regions[0].roi.start), ("1", [2, 400, 400]));

    act(&mut project, r#"{"kind":"remove_region","name":"1"}"#);
    assert_eq!((count(&project, 0, 2), count(&project, 0, 1)), (foreground, 0));
    assert!(!file.exists() && project.regions().is_empty());
    assert!(refusal(&mut project, r#"{"kind":"remove_region","name":"1"}"#).contains("no region 1"));
    act(&mut project, REGION);
    assert_eq!(project.regions()[0].name, "2", "a name is given once");
    act(&mut project, r#"{"kind":"undo"}"#);
    act(&mut project, r#"{"kind":"undo"}"#);
    assert_eq!(project.regions()[0].name, "1", "the removal is taken back");
    assert_eq!(count(&project, 1, 1), 40_000);
}

#[test]
fn floods_and_interpolations_are_painted_where_they_belong() {
    let desk = Desk::new();
    let mut project = desk.project();
    act(
        &mut project,
        r#"{"kind":"fill","class":"axons","value":2,"z":1,"point":[10.5,150.5],"tolerance":20}"#,
    );
    let painted = labels(&project, 1);
    assert_eq!(painted.slice(s![1, ..522, 100..200]).iter().filter(|&&voxel| voxel == 2).count(), 52_200);
    assert_eq!(count(&project, 1, 2), 52_200, "no further than 512 voxels, and not beyond the stripe");

    let square = |z: usize, from: usize, to: usize| {
        format!(
            r#"{{"kind":"polygon","class":"mitochondria","value":2,"z":{z},"points":[[{from},{from}],[{from},{to}],[{to},{to}],[{to},{from}]]}}"#
        )
    };
    let interpolation = r#"{"kind":"interpolate","class":"mitochondria","from":2,"to":4}"#;
    act(&mut project, &square(2, 300, 310));
    assert!(refusal(&mut project, interpolation).contains("section 4 has no paint of mitochondria"));
    act(&mut project, &square(4, 296, 314));
    act(&mut project, interpolation);
    let between = labels(&project, 0).slice(s![3, .., ..]).iter().filter(|&&voxel| voxel == 2).count();
    assert_eq!(between, 14 * 14);
    let neighbours = r#"{"kind":"interpolate","class":"mitochondria","from":2,"to":3}"#;
    assert!(refusal(&mut project, neighbours).contains("with 1 to 100 between them"));
}

#[test]
fn what_is_accepted_is_in_the_log_as_voxels_with_its_network() {
    let desk = Desk::new();
    let mut project = desk.project();
    let request = |kind: &str| {
        let json = format!(
            r#"{{"kind":"{kind}","source":"network","class":"axons","threshold":0.5,"object":[2,30,40]}}"#
        );
        serde_json::from_str::<Request>(&json).unwrap()
    };
    let none = project.act("a", request("accept"), Suggested::default());
    assert!(matches!(none, Err(Refusal::Senseless(reason)) if reason.contains("nothing is suggested there")));
    let mask = ndarray::Array2::from_elem((3, 4), true);
    let painted = vec![Runs::of(2, [30, 40], mask.view()).unwrap()];
    let suggested = Suggested { painted, digest: Some("abc".into()) };
    project.act("a", request("accept"), suggested.clone()).unwrap();
    assert_eq!((count(&project, 1, 2), labels(&project, 1)[[2, 32, 43]]), (12, 2));
    project.act("b", request("reject"), suggested).unwrap();
    assert_eq!((count(&project, 1, 2), count(&project, 1, 1)), (0, 12));
    let log = std::fs::read_to_string(desk.path().join("actions.jsonl")).unwrap();
    assert!(log.contains(r#""digest":"abc""#) && log.lines().count() == 2);
}

#[test]
fn an_action_that_is_sent_twice_is_done_once() {
    let desk = Desk::new();
    let mut project = desk.project();
    let stroke = || serde_json::from_str::<Request>(STROKE).unwrap();
    let changed = project.act("same", stroke(), Suggested::default()).unwrap();
    assert!(changed.is_some());
    assert_eq!(project.act("same", stroke(), Suggested::default()).unwrap(), changed);
    assert_eq!(project.ledger().actions().len(), 1);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let desk = Desk::new();
    let mut project = desk.project();
    for (change, reason) in [
        (("\"z\":2", "\"z\":6"), "there is no section 6"),
        (("mitochondria", "nuclei"), "no class `nuclei`"),
        (("\"radius\":6", "\"radius\":201"), "expected 0.5 to 200"),
        (("505,500", "1e300,0"), "near the section"),
        (("[[505,500],[520,530]]", "[]"), "near the section"),
    ] {
        let found = refusal(&mut project, &STROKE.replace(change.0, change.1));
        assert!(found.contains(reason), "{found}");
    }
    let outside = REGION.replace("\"shape\":[1,200,200]", "\"shape\":[1,201,200]");
    assert!(refusal(&mut project, &outside).contains("reaches out of the stack"));
    let empty = REGION.replace("\"shape\":[1,200,200]", "\"shape\":[0,2,2]");
    assert!(refusal(&mut project, &empty).contains("reaches out of the stack"));
    let refused = project.act("", serde_json::from_str(REGION).unwrap(), Suggested::default());
    assert!(matches!(refused, Err(Refusal::Senseless(reason)) if reason.contains("1 to 100 characters")));
    let unlikely = r#"{"kind":"reject","source":"network","class":"axons","threshold":1.5,"object":[0,0,0]}"#;
    assert!(refusal(&mut project, unlikely).contains("a threshold of 1.5"));
    let far = r#"{"kind":"fill","class":"axons","value":2,"z":1,"point":[600.0,1],"tolerance":20}"#;
    assert!(refusal(&mut project, far).contains("outside of the section"));
    let neither = r#"{"kind":"accept","source":"network","class":"axons","threshold":0.5}"#;
    assert!(refusal(&mut project, neither).contains("a box or an object"));
    let beyond = r#"{"kind":"reject","source":"network","class":"axons","threshold":0.5,"object":[0,600,0]}"#;
    assert!(refusal(&mut project, beyond).contains("no voxel [0, 600, 0]"));
}

#[test]
fn a_training_takes_the_classes_that_regions_hold() {
    let desk = Desk::new();
    let mut project = desk.project();
    let plan = |project: &Project| {
        let mut notes = Vec::new();
        let mut hear = |event: crate::Event<'_>| {
            if let crate::Event::Note(text) = event {
                notes.push(text.to_owned());
            }
            std::ops::ControlFlow::Continue(())
        };
        let planned = next_training(project, &mut Observer::new(&mut hear));
        planned.map(|(number, config)| (number, config, notes)).map_err(|error| error.to_string())
    };
    assert_eq!(plan(&project).unwrap_err(), "no region is reviewed yet");
    // Foreground of one class outside of the region, of the other one within.
    act(&mut project, &STROKE.replace("\"z\":2", "\"z\":3"));
    act(&mut project, REGION);
    assert_eq!(plan(&project).unwrap_err(), "no reviewed region holds foreground");
    act(&mut project, &STROKE.replace("mitochondria", "axons"));
    let (number, config, notes) = plan(&project).unwrap();
    assert_eq!((number, config.data.classes.as_slice()), (1, ["axons".to_owned()].as_slice()));
    assert!(notes.iter().any(|note| note.contains("no reviewed region holds mitochondria")), "{notes:?}");
    let source = &config.data.train[0];
    assert_eq!(source.regions.as_deref(), Some(project.regions_file().as_path()));
    assert_eq!((source.labels.len(), source.values), (1, crate::config::LabelValues::Scribbles));
    assert_eq!((config.data.split.folds, config.data.pixel_nm), (1, Some(8.0)));
    assert_eq!(config.train.init.as_deref(), Some(Path::new("mitochondria")));
    assert!(crate::settings::problems(&config, &config.data.classes).is_empty());
}

#[test]
fn strokes_of_both_kinds_teach_a_classifier_what_stripes_are() {
    let desk = Desk::new();
    let mut project = desk.project();
    let line = |value: u8, x: usize| {
        format!(
            r#"{{"kind":"stroke","class":"axons","value":{value},"z":0,"radius":5,"points":[[40,{x}],[200,{x}]]}}"#
        )
    };
    act(&mut project, &line(2, 150));
    assert_eq!(project.strokes_plan().classes, [false, false]);
    act(&mut project, &line(1, 250));
    let plan = project.strokes_plan();
    assert_eq!(
        (plan.classes.as_slice(), plan.tiles.as_slice()),
        ([false, true].as_slice(), [[0; 3]].as_slice())
    );

    let mut suggester = Suggester::new(project.canvas().clone(), project.description().classes.clone());
    assert_eq!(suggester.tile(SourceName::Strokes, [3, 0, 0]).unwrap(), None);
    suggester.set_strokes(plan);
    assert_eq!(suggester.sources()[0].thresholds.keys().collect::<Vec<_>>(), ["axons"]);
    let tile = suggester.tile(SourceName::Strokes, [3, 0, 0]).unwrap().unwrap();
    assert_eq!((tile[[1, 300, 350]] > 200, tile[[1, 300, 450]] < 50, tile[[0, 300, 350]]), (true, true, 0));

    let accept = |object: &str| -> Request {
        let json = format!(
            r#"{{"kind":"accept","source":"strokes","class":"axons","threshold":0.5,"object":{object}}}"#
        );
        serde_json::from_str(&json).unwrap()
    };
    let object = suggester.suggested(&accept("[3,300,350]")).unwrap();
    let [stripe] = object.painted.as_slice() else { panic!("{object:?}") };
    // All of the section, for which two rows of tiles are put together; and about 100 wide.
    assert_eq!((stripe.z, stripe.start[0], stripe.shape[0]), (3, 0, 600));
    assert!((90..=110).contains(&stripe.shape[1]), "{:?}", stripe.shape);
    assert_eq!(suggester.suggested(&accept("[3,300,450]")).unwrap().painted, []);
}
