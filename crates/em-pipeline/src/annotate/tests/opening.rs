//! Projects that are begun, opened again, and found damaged.

use super::*;

#[test]
fn what_cannot_be_painted_is_painted_when_it_is_sent_again() {
    let desk = Desk::new();
    let mut project = desk.project();
    let stroke = || serde_json::from_str::<Request>(STROKE).unwrap();
    // A file where the folder of the section's chunks has to be.
    let section = desk.path().join("labels/mitochondria.zarr/0/c/2");
    std::fs::create_dir_all(section.parent().unwrap()).unwrap();
    std::fs::write(&section, "in the way").unwrap();
    for _ in 0..2 {
        let refused = project.act("a", stroke(), Suggested::default());
        assert!(matches!(refused, Err(Refusal::Unwritten(reason)) if reason.contains("mitochondria.zarr")));
    }
    assert_eq!(project.ledger().actions().len(), 1, "the log has it once");
    std::fs::remove_file(&section).unwrap();
    assert!(project.act("a", stroke(), Suggested::default()).unwrap().is_some());
    assert!(count(&project, 0, 2) > 400);
}

#[test]
fn labels_are_what_the_log_says_whatever_became_of_them() {
    let desk = Desk::new();
    let mut project = desk.project();
    for z in 0..6 {
        act(&mut project, &STROKE.replace("\"z\":2", &format!("\"z\":{z}")));
    }
    act(&mut project, REGION);
    act(&mut project, &STROKE.replace("\"value\":2", "\"value\":1").replace("505,500", "450,450"));
    act(&mut project, r#"{"kind":"undo"}"#);
    act(&mut project, &STROKE.replace("mitochondria", "axons").replace("\"radius\":6", "\"radius\":30"));
    let (files, revision) = (desk.files(), project.revision());
    assert!(files.len() > 20);
    drop(project);

    // As after a kill between two chunks, and worse.
    let chunk = desk.path().join("labels/mitochondria.zarr/0/c/2/0/0");
    for damage in [
        &|| std::fs::remove_dir_all(desk.path().join("labels")).unwrap() as (),
        &|| std::fs::remove_file(&chunk).unwrap(),
        &|| std::fs::write(&chunk, b"torn").unwrap(),
        &|| assert!(std::fs::copy(&chunk, chunk.with_file_name("1")).is_ok()),
        &|| std::fs::write(desk.path().join("regions.json"), b"{").unwrap(),
        &|| std::fs::create_dir_all(desk.path().join("labels/mitochondria.zarr/0/c/5/1")).unwrap(),
    ] as [&dyn Fn(); 6]
    {
        damage();
        let project = desk.open();
        assert_eq!(project.revision(), revision);
        drop(project);
        assert_eq!(desk.files(), files);
    }
}

#[test]
fn a_project_is_open_in_one_process_and_belongs_to_its_stack() {
    let desk = Desk::new();
    let project = desk.project();
    let second = desk.heard(|observer| Project::open(&desk.path(), observer)).unwrap_err();
    assert!(second.to_string().contains("is open in process"), "{second}");
    drop(project);
    let stack = desk.folder.path().join("raw.tif");
    let message = || {
        let opened = desk.heard(|observer| Project::open(&desk.path(), observer));
        opened.unwrap_err().to_string()
    };
    let replace = |shape: [usize; 3]| {
        let other = Voxels::from(Array3::<u8>::zeros(shape));
        em_io::write_volume(&stack, &other, None).unwrap();
    };
    replace([5, 600, 700]);
    assert!(message().contains("has [5, 600, 700] voxels, expected [6, 600, 700]"), "{}", message());
    replace(SHAPE);
    assert!(message().contains("are others than those that were labelled"), "{}", message());
    std::fs::remove_file(&stack).unwrap();
    assert!(message().contains("raw.tif` is not there"), "{}", message());
}

#[test]
fn a_project_without_voxel_size_or_with_a_strange_class_is_not_begun() {
    let desk = Desk::new();
    let mut request = ProjectRequest::new(desk.folder.path().join("raw.tif"));
    let message = |request: &ProjectRequest| {
        let error = desk.heard(|observer| Project::create(&desk.path(), request, observer)).unwrap_err();
        assert!(!desk.path().exists());
        error.to_string()
    };
    assert!(message(&request).contains("tells no voxel size"));
    request.voxel_size = Some(VoxelSize::new([5.0; 3]).unwrap());
    for (classes, reason) in [
        (vec!["../a"], "`../a` is no name for a class"),
        (vec!["ignore"], "is no name for a class"),
        (vec!["a", "a"], "named twice"),
        (vec![], "no class is named"),
    ] {
        request.classes = classes.into_iter().map(str::to_owned).collect();
        assert!(message(&request).contains(reason));
    }
}
