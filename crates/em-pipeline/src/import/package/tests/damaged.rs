//! Packages that are damaged, or made to do harm.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

/// Reads a description after a change.
fn refused_after(change: impl FnOnce(&mut Value)) -> String {
    let mut description = description();
    change(&mut description);
    refused(&description)
}

#[test]
fn files_that_are_missing_addresses_or_outside_are_refused() {
    let source = |source: &str| {
        let source = json!(source);
        refused_after(|description| description["weights"]["onnx"]["source"] = source)
    };
    assert_eq!(source("other.onnx"), "its `other.onnx` is missing");
    let found = source("https://example.org/weights.onnx");
    assert!(found.contains("is an address, which is not fetched"), "{found}");
    for outside in ["../network.onnx", "/etc/passwd", "a/../../b", "C:\\x", "..\\x", "", ".", "C:x", "a\0b"] {
        let found = source(outside);
        assert!(found.ends_with("leads out of the package"), "{outside}: {found}");
    }
}

#[test]
fn an_archive_whose_names_lead_out_of_it_is_refused_though_nobody_asks_for_them() {
    for name in ["../evil", "/evil", "a/../../evil", "..\\evil"] {
        let folder = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 2] = [("network.onnx", b"w"), (name, b"x")];
        let found = read(&zipped(&folder, &description().to_string(), &files)).unwrap_err().to_string();
        assert!(found.ends_with("leads out of the package"), "{name}: {found}");
    }
}

#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("package.zip");
    let mut archive = ZipWriter::new(fs::File::create(&path).unwrap());
    archive.start_file("rdf.yaml", SimpleFileOptions::default()).unwrap();
    archive.write_all(description().to_string().as_bytes()).unwrap();
    archive.add_symlink("network.onnx", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    archive.finish().unwrap();
    let found = read(&path).unwrap_err().to_string();
    assert!(found.ends_with("its `network.onnx` is a link or a folder, expected a file"), "{found}");
}

#[cfg(unix)]
#[test]
fn links_of_a_folder_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("package"), folder.path().join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("w.onnx"), b"secret").unwrap();
    let mut description = description();
    for (source, target, link) in [
        ("w.onnx", outside.join("w.onnx"), inside.join("w.onnx")),
        ("sub/w.onnx", outside, inside.join("sub")),
    ] {
        std::os::unix::fs::symlink(target, link).unwrap();
        description["weights"]["onnx"]["source"] = json!(source);
        fs::write(inside.join("rdf.yaml"), description.to_string()).unwrap();
        let found = read(&inside).unwrap_err().to_string();
        assert!(found.contains("is a link, which may lead out of the package"), "{found}");
    }
}

#[test]
fn a_digest_that_differs_is_told_and_one_in_capitals_does_not() {
    let digest: String = Sha256::digest(b"weights").iter().map(|byte| format!("{byte:02X}")).collect();
    let mut description = description();
    description["weights"]["onnx"]["sha256"] = json!(digest);
    read_of(&description).unwrap();
    description["weights"]["onnx"]["sha256"] = json!("0".repeat(64));
    let found = refused(&description);
    assert!(
        found.starts_with("`network.onnx` has the SHA-256 ") && found.ends_with(&"0".repeat(64)),
        "{found}"
    );
}

#[test]
fn what_is_no_package_says_what_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let message = |path: &Path| {
        let error = read(path).unwrap_err();
        assert!(error.hint().unwrap().contains("rdf.yaml"), "{error}");
        error.to_string()
    };
    assert!(message(&path).contains("cannot be read"));
    fs::write(&path, b"no zip").unwrap();
    assert!(message(&path).contains("is no zip file"));
    assert!(message(folder.path()).ends_with("holds no `rdf.yaml`, which a package has"));
}

#[test]
fn a_file_that_claims_more_than_it_has_or_any_needs_is_refused() {
    // The zeros of a trap pack to a thousandth.
    let folder = tempfile::tempdir().unwrap();
    let zeros = vec![0_u8; (1 << 26) + 1];
    let path = zipped(&folder, &description().to_string(), &[("network.onnx", &zeros)]);
    let found = read(&path).unwrap_err().to_string();
    assert!(
        found.contains("unpacks from") && found.ends_with("expected at most 200 times as many"),
        "{found}"
    );

    let text = format!("{}\n# {}", description(), "long ".repeat(1 << 20));
    let found = read(&zipped(&folder, &text, &[])).unwrap_err().to_string();
    assert!(found.contains("its `rdf.yaml` has") && found.ends_with("expected at most 4194304"), "{found}");
}

#[test]
fn yaml_that_is_none_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(&zipped(&folder, "a: 1\na: 2\n", &[])).unwrap_err().to_string();
    let found = error.split_once("package.zip`: ").unwrap().1;
    assert_eq!(found, "is no YAML: duplicate mapping key `a` is not allowed here at line 2, column 1");
}

#[test]
fn yaml_that_multiplies_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        text += &format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", "));
    }
    let found = read(&zipped(&folder, &text, &[])).unwrap_err().to_string();
    assert!(found.contains("is no YAML"), "{found}");
    let deep = format!("a: {}", "[".repeat(100_000));
    let found = read(&zipped(&folder, &deep, &[])).unwrap_err().to_string();
    assert!(found.contains("is no YAML"), "{found}");
}

#[test]
fn what_is_not_done_here_is_told() {
    let input = "/inputs/0";
    for (pointer, value, expected) in [
        ("/format_version", json!("0.3.6"), "is of version 0.3.6, expected 0.4 or 0.5"),
        ("/format_version", json!([]), "names no `format_version`"),
        ("/type", json!("dataset"), "describes a `dataset`, expected a `model`"),
        ("/inputs", json!([]), "has 0 inputs (), expected one"),
        ("/outputs", json!([]), "has no outputs"),
        (
            "/weights",
            json!({ "keras_hdf5": {}, "tensorflow_js": {} }),
            "has weights as keras_hdf5, tensorflow_js, expected onnx or torchscript",
        ),
        ("/weights", json!({}), "has weights as no format"),
        ("/inputs/0/axes/0/size", json!(4), "has a batch of 4"),
        ("/inputs/0/axes/1/channel_names", json!([]), "has no channels"),
        ("/inputs/0/axes/2/id", json!("h"), "has the axis `h` of space, expected z, y and x"),
        ("/inputs/0/axes/2/size", json!(0), "has a length of 0 along y, expected at least 1"),
        ("/inputs/0/axes/2/size", json!({ "min": 1, "step": 0 }), "has a step of 0 along y"),
        ("/inputs/0/axes/2/size", json!(u64::MAX), "has a length of 18446744073709551615 along y"),
        ("/inputs/0/axes/2/size", json!(-3), "has an axis that cannot be read"),
        ("/inputs/0/axes/2/scale", json!(0.0), "has the scale 0 along y"),
        ("/inputs/0/axes/2/id", json!("x"), "has the axes batch, channel, x, x, expected y and x"),
        ("/inputs/0/axes/2/type", json!("time"), "has an axis of `time`, expected batch, channel and space"),
        (
            "/outputs/0/axes/2/size/axis_id",
            json!("w"),
            "is as long along y as `w` of `raw`, which is no axis",
        ),
        ("/outputs/0/axes/2/unit", json!("nanometer"), "but its unit is nanometer, expected none"),
        ("/outputs/0/axes/2/size/tensor_id", json!("out"), "which is as long as another"),
        ("/outputs/0/axes/2/size/offset", json!(i64::MIN), "has an offset of"),
        ("/outputs/0/axes/2/halo", json!(u64::MAX), "has a halo of"),
        (
            "/outputs/0/postprocessing",
            json!([{ "id": "stardist_postprocessing" }]),
            "has the step `stardist_postprocessing`",
        ),
        (
            "/outputs/0/postprocessing",
            json!([{ "id": "softmax", "kwargs": { "axis": "x" } }]),
            "has the step `softmax`",
        ),
        (
            "/outputs/0/postprocessing",
            json!([{ "id": "binarize", "kwargs": { "threshold": [1, 2] } }]),
            "expected a threshold",
        ),
        (input, json!("raw"), "is no description of a network"),
    ] {
        let found = refused_after(|description| set(description, pointer, value.clone()));
        assert!(found.contains(expected), "{pointer} {value}: {found}");
    }
    let mut two = description();
    let second = two["inputs"][0].clone();
    two["inputs"].as_array_mut().unwrap().push(second);
    assert_eq!(refused(&two), "has 2 inputs (raw, raw), expected one");
}

#[test]
fn what_is_not_done_here_of_04_is_told() {
    for (pointer, value, expected) in [
        ("/inputs", json!(3), "has no list of inputs"),
        ("/inputs/0/axes", json!(["b"]), "without axes as letters"),
        ("/inputs/0/axes", json!("tcyx"), "has an axis of `time`"),
        ("/inputs/0/axes", json!("bcy"), "without a shape of its axes"),
        ("/inputs/0/shape/min", json!([1, 1, -3, 64]), "axis `y` is as long as -3 and 16 more"),
        ("/inputs/0/shape", json!([1, 1e9, 64, 64]), "axis `c` is as long as"),
        ("/inputs/0/shape", json!([1, 0, 64, 64]), "axis `c` is as long as 0 channels"),
        ("/outputs/0/shape/scale", json!([1, 1e300, 1, 1]), "channels"),
        ("/outputs/0/shape/offset", json!([0, 0, 1e300, 0]), "has an offset of"),
        ("/outputs/0/shape/scale", json!([1, 1, -1, 1]), "expected more than 0"),
        ("/inputs/0/preprocessing", json!([{ "id": "sigmoid" }]), "which has no name"),
        (
            "/inputs/0/preprocessing",
            json!([{ "name": "sigmoid" }]),
            "has the step `sigmoid`, which is not done here",
        ),
        (
            "/inputs/0/preprocessing",
            json!([{ "name": "scale_range", "kwargs": { "mode": "other", "axes": "yx" } }]),
            "of mode `other`",
        ),
        (
            "/inputs/0/preprocessing",
            json!([{ "name": "scale_linear", "kwargs": { "axes": "x", "gain": 2 } }]),
            "over the axes `x`, expected all but one, or all",
        ),
    ] {
        let mut description = description_of_04();
        set(&mut description, pointer, value.clone());
        let found = refused(&description);
        assert!(found.contains(expected), "{pointer} {value}: {found}");
    }
}

/// Sets a value that may not be there yet.
fn set(description: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match description.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(key.into(), value)),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
}

/// All places of a description.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| pointers(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// Everything that YAML can say, much of it in the words of descriptions.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("batch".to_owned()),
        Just("space".to_owned()),
        Just("raw".to_owned()),
        Just("y".to_owned()),
        Just("scale_range".to_owned()),
        Just("clip".to_owned()),
        Just("bczyx".to_owned()),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(0.0), Just(1.0), Just(-1.0), Just(1e300), Just(5e-324)].prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("min"), Just("max"), Just("step"), Just("id"), Just("axes"), Just("mode")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A description with something of everything in it.
fn rich(is_04: bool) -> Value {
    let mut description = if is_04 { description_of_04() } else { description() };
    let name = if is_04 { "name" } else { "id" };
    let step = |id: &str, kwargs: Value| json!({ (name): id, "kwargs": kwargs });
    let axes = if is_04 { json!("yx") } else { json!(["y", "x"]) };
    description["inputs"][0]["preprocessing"] = json!([
        step("clip", json!({ "min": 0, "max": 255 })),
        step("scale_linear", json!({ "gain": 0.5, "offset": 1.0, "axes": null })),
        step(
            "scale_range",
            json!({ "axes": axes, "min_percentile": 1, "max_percentile": 99, "mode": "per_sample" })
        ),
    ]);
    description["inputs"][0]["data"] = json!({ "type": "float32", "range": [0, 1] });
    description["outputs"][0]["postprocessing"] =
        json!([step("sigmoid", json!({})), step("binarize", json!({ "threshold": 0.5 }))]);
    description
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_edit_of_a_description_is_read_or_refused(
        is_04: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), anything()), 1..4),
    ) {
        let mut description = rich(is_04);
        for (index, value) in edits {
            let mut places = Vec::new();
            pointers(&description, "", &mut places);
            let place = index.get(&places).clone();
            *description.pointer_mut(&place).unwrap() = value;
        }
        if let Err(error) = read_of(&description) {
            prop_assert!(error.to_string().contains("package.zip"), "{}", error);
            prop_assert!(error.hint().is_some());
        }
    }

    #[test]
    fn any_damage_to_a_package_is_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = fs::read(fixture("sections-0.4.zip")).unwrap();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package.zip");
        fs::write(&path, bytes).unwrap();
        if let Err(error) = read(&path) {
            prop_assert!(error.to_string().contains("package.zip") && error.hint().is_some(), "{}", error);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), edits in ".{0,40}", at: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [bytes, {
            let mut text: Vec<char> = rich(false).to_string().chars().collect();
            let at = at.index(text.len());
            text.splice(at..at, edits.chars());
            text.into_iter().collect::<String>().into_bytes()
        }] {
            fs::write(folder.path().join("rdf.yaml"), bytes).unwrap();
            if let Err(error) = read(folder.path()) {
                prop_assert!(error.hint().is_some(), "{}", error);
            }
        }
    }
}
