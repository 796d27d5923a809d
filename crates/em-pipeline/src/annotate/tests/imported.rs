//! A network of another program suggests, and is what the next training goes on from.

use std::path::PathBuf;

use em_io::VoxelSize;

use super::*;
use crate::{ImportRequest, Normalizing, import};

/// Imports a network beside the stack of a desk, for one class.
fn imported(desk: &Desk, class: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import/networks");
    let output = desk.folder.path().join("theirs");
    let mut request = ImportRequest::new(fixtures.join("valid.onnx"), &output);
    request.classes = vec![(class.into(), None)];
    request.normalizing = Some(Normalizing::Fixed(em_data::Normalization::Zscore { mean: 125.0, std: 65.0 }));
    request.voxel_size = Some(VoxelSize::new([40.0, 8.0, 8.0]).unwrap());
    desk.heard(|observer| import(&request, observer)).unwrap();
    output
}

fn project(desk: &Desk, model: &Path) -> Project {
    let mut request = ProjectRequest::new(desk.folder.path().join("raw.tif"));
    request.voxel_size = Some(VoxelSize::new([40.0, 5.0, 5.0]).unwrap());
    request.classes = vec!["mitochondria".into(), "axons".into()];
    request.model = Some(model.into());
    desk.heard(|observer| Project::create(&desk.path(), &request, observer)).unwrap()
}

#[test]
fn the_next_training_goes_on_from_an_imported_network() {
    let desk = Desk::new();
    let run = imported(&desk, "axons");
    let mut project = project(&desk, &run);
    act(&mut project, &STROKE.replace("mitochondria", "axons"));
    act(&mut project, REGION);
    let (_, config) = desk.heard(|observer| next_training(&project, observer)).unwrap();
    assert_eq!(config.model.imported.as_deref(), Some(run.as_path()));
    assert_eq!(config.train.init.as_deref(), Some(run.as_path()));
    assert_eq!((config.tiling.tile_size, config.tiling.tile_depth), (128, 1));
    assert_eq!(config.data.pixel_nm, Some(8.0));
    assert_eq!(crate::settings::problems(&config, &config.data.classes), []);
}

#[test]
fn an_imported_network_of_other_classes_is_not_trained_for_these() {
    let desk = Desk::new();
    let run = imported(&desk, "axons");
    let mut project = project(&desk, &run);
    act(&mut project, STROKE);
    act(&mut project, REGION);
    let (_, config) = desk.heard(|observer| next_training(&project, observer)).unwrap();
    let problems = crate::settings::problems(&config, &config.data.classes);
    let told: Vec<String> =
        problems.into_iter().map(|problem| crate::Error::from(problem).to_string()).collect();
    let expected =
        "`model.imported` is a network of axons, expected one of the classes of the data, mitochondria";
    assert_eq!(told, [expected]);
}
