//! The tutorial: what it promises of the tissue in `fixtures/fib25`, and its commands from the first to the last.

use em_io::Voxels;

use crate::blocks::{blocks, root};
use crate::lab::Lab;

/// The stack that the tutorial starts from, and how the tutorial names it.
const TISSUE: &str = "fixtures/fib25/raw.tif";

/// Middles of mitochondria that anyone sees, `[z, y, x]`.
const MITOCHONDRIA: [[usize; 3]; 6] =
    [[2, 212, 28], [7, 192, 108], [6, 235, 140], [6, 208, 300], [9, 138, 232], [7, 33, 302]];

/// Cytoplasm, a large pale process and a membrane, `[z, y, x]`.
const OTHER: [[usize; 3]; 4] = [[2, 150, 60], [8, 170, 110], [8, 250, 300], [8, 40, 200]];

/// A folder with the tissue where the tutorial finds it.
fn with_tissue() -> Lab {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.path(TISSUE).parent().unwrap()).unwrap();
    std::fs::copy(root().join(TISSUE), lab.path(TISSUE)).unwrap();
    lab
}

#[test]
fn the_built_in_network_finds_mitochondria_in_real_tissue_without_a_label() {
    let lab = with_tissue();
    lab.ok(&format!("predict --model mitochondria {TISSUE} -o mask.tif --device cpu"));
    let mask = lab.mask("mask.tif");
    assert_eq!(mask.dim(), (16, 300, 352));
    assert_eq!(em_io::open(lab.path("mask.tif")).unwrap().voxel_size_nm(), Some([10.0; 3]));
    let missed: Vec<_> = MITOCHONDRIA.iter().filter(|&&place| !mask[place]).collect();
    let wrong: Vec<_> = OTHER.iter().filter(|&&place| mask[place]).collect();
    assert!(missed.is_empty() && wrong.is_empty(), "missed {missed:?}, wrong {wrong:?}");

    lab.ok("measure mitochondria=mask.tif -o objects --min-voxels 1000");
    let summary: serde_json::Value = serde_json::from_str(&lab.read("objects/summary.json")).unwrap();
    let found = &summary["classes"]["mitochondria"];
    let fraction = found["volume_fraction"].as_f64().unwrap();
    assert!((0.10..0.15).contains(&fraction), "{fraction}");
    let Voxels::U32(labels) = em_io::open(lab.path("objects/labels.tif")).unwrap().read_all().unwrap() else {
        panic!("labels are 32-bit")
    };
    // One number each: none of them is cut in two, and no two are one.
    let mut numbers: Vec<u32> = MITOCHONDRIA.iter().map(|&place| labels[place]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), MITOCHONDRIA.len(), "{numbers:?}");
    let objects = lab.read("objects/objects.csv").lines().count() - 1;
    assert!((6..16).contains(&objects), "{objects}");
}

/// Whether a command runs in seconds on what the tutorial made before it, without a browser and without a download.
fn is_cheap(command: &str) -> bool {
    let opens_a_page = ["view ", "annotate "].iter().any(|start| command.starts_with(start));
    !opens_a_page && !["data/epfl", "configs/epfl", "runs/epfl"].iter().any(|path| command.contains(path))
}

#[test]
fn every_command_of_the_tutorial_runs_and_those_that_take_long_are_understood() {
    let lab = with_tissue();
    let mut cheap = 0;
    for line in blocks("docs/tutorial.md").iter().flat_map(|block| block.commands()) {
        match line.strip_prefix("em-cli ") {
            Some(command) if is_cheap(command) => {
                lab.ok(command);
                cheap += 1;
            }
            // What stands before `--help` is read: an option that is none would be refused.
            Some(command) => drop(lab.ok(&format!("{command} --help"))),
            None if line.starts_with("echo ") => {
                assert!(lab.command("sh", &["-c", &line]).status().unwrap().success(), "{line}");
            }
            None => assert!(line.starts_with("cargo "), "{line}"),
        }
    }
    assert!(cheap >= 5, "look, predict, measure, correct");
    what_it_says_of_the_objects_is_so(&lab);
}

/// The light body that the tutorial deletes, `[z, y, x]`, and its number.
const LIGHT_BODY: ([usize; 3], u32) = ([9, 95, 185], 12);

/// After its commands: how many objects there are before and after the correction, which one is corrected, and
/// which are the most doubtful.
fn what_it_says_of_the_objects_is_so(lab: &Lab) {
    let objects = |folder: &str| lab.read(&format!("fib25/{folder}/objects.csv")).lines().count() - 1;
    assert_eq!((objects("objects"), objects("corrected")), (16, 15));
    let (place, number) = LIGHT_BODY;
    let label = |folder: &str| {
        let labels = em_io::open(lab.path(&format!("fib25/{folder}/labels.tif"))).unwrap();
        let Voxels::U32(labels) = labels.read_all().unwrap() else { panic!("labels are 32-bit") };
        labels[place]
    };
    assert_eq!((label("objects"), label("corrected")), (number, 0));

    let csv = lab.read("fib25/objects/objects.csv");
    let mut rows = csv.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let column = header.iter().position(|name| *name == "mean_probability").unwrap();
    let mut probabilities: Vec<f64> = rows.map(|row| row[column].parse().unwrap()).collect();
    probabilities.sort_unstable_by(f64::total_cmp);
    let lowest = [probabilities[0], probabilities[4]].map(|mean| format!("{mean:.2}"));
    assert_eq!(lowest, ["0.66", "0.73"], "{probabilities:?}");
    assert!(probabilities[5] > 0.735, "{probabilities:?}");
}
