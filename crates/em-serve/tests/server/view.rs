//! A view as Neuroglancer meets it, and as whoever else does.

use std::time::Duration;

use em_io::Voxels;
use em_pipeline::view::{OverlayFile, View, ViewRequest};
use em_pipeline::{Observer, silent};
use ndarray::Array3;
use serde_json::{Value, json};

use crate::Draws;
use crate::served::{Served, grey};

const SHAPE: [usize; 3] = [20, 90, 200];

/// An object of value 3 in a box.
fn label((z, y, x): (usize, usize, usize)) -> u32 {
    if (5..15).contains(&z) && (20..60).contains(&y) && (30..110).contains(&x) { 3 } else { 0 }
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, voxels: Voxels| {
        let path = folder.path().join(name);
        em_io::write_volume(&path, &voxels, Some([10.0, 5.0, 5.0])).unwrap();
        path
    };
    let raw = write("raw.tif", Array3::from_shape_fn(SHAPE, |(z, y, x)| grey(z, y, x)).into());
    let cells = write("cells.tif", Array3::from_shape_fn(SHAPE, label).into());
    let probable =
        write("p.tif", Array3::from_shape_fn(SHAPE, |(z, y, x)| (z + y + x) as f32 / 310.0).into());
    let mut request = ViewRequest::new(raw);
    request.overlays = vec![OverlayFile::new("cells", cells, None), OverlayFile::new("p", probable, None)];
    let view = View::open(&request, &mut Observer::new(&mut silent)).unwrap();
    Served::view(folder, view)
}

#[test]
fn the_layers_are_told_with_what_they_are() {
    let served = served();
    let page = served.get("");
    let head = page.head.to_lowercase();
    assert_eq!(page.status, 200);
    assert!(head.contains("worker-src 'self' blob:") && head.contains("cache-control: no-store"), "{head}");
    let view = served.get("api/view").json();
    assert_eq!((&view["name"], &view["shape"]), (&json!("raw.tif"), &json!(SHAPE)));
    assert_eq!((&view["voxel_size_nm"], &view["voxel_size_known"]), (&json!([10.0, 5.0, 5.0]), &json!(true)));
    let told: Vec<Value> = view["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            json!([layer["name"], layer["kind"], layer["type"], layer["has_table"], layer["threshold"]])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["raw", "image", "uint8", false, null]),
            json!(["cells", "objects", "uint32", true, null]),
            json!(["p", "probabilities", "float32", false, 0.5]),
        ]
    );
    let value = served.get("api/value/7/30/40").json();
    assert_eq!(value["values"]["cells"], json!(3));
    assert_eq!(value["value"], json!(grey(7, 30, 40)));
    assert_eq!(served.get("api/value/20/0/0").status, 404);
}

#[test]
fn chunks_are_those_of_the_metadata_and_last() {
    let served = served();
    let info = served.get("data/raw/0/info").json();
    let scale = &info["scales"][0];
    assert_eq!((&info["type"], &info["data_type"]), (&json!("image"), &json!("uint8")));
    assert_eq!((&scale["size"], &scale["resolution"]), (&json!([200, 90, 20]), &json!([5.0, 5.0, 10.0])));
    assert_eq!(info["scales"][1]["resolution"], json!([10.0, 10.0, 10.0]));
    let chunk = served.get("data/raw/0/0/64-128_64-90_16-20");
    assert!(chunk.head.to_lowercase().contains("immutable"));
    assert_eq!(chunk.body.len(), 64 * 26 * 4);
    assert_eq!(chunk.body[(3 * 26 + 5) * 64 + 7], grey(19, 69, 71));
    let labels = served.get("data/cells/0/info").json();
    let encoding = &labels["scales"][0]["encoding"];
    assert_eq!((encoding, &labels["mesh"]), (&json!("compressed_segmentation"), &json!("mesh")));
    assert!(served.get("data/p/0/info").json().get("mesh").is_none());
    for missing in [
        "data/raw/1/info",
        "data/none/0/info",
        "data/raw/0/0/0-64_0-64_0-17",
        "data/raw/0/0/1-65_0-64_0-16",
        "data/raw/0/9/0-64_0-64_0-16",
        "data/raw/0/0/0-64_0-64",
        "data/raw/1/0/0-64_0-64_0-16",
    ] {
        assert_eq!(served.get(missing).status, 404, "{missing}");
    }
}

#[test]
fn a_surface_comes_in_one_part_and_a_table_when_it_is_measured() {
    let served = served();
    assert_eq!(served.get("data/cells/0/mesh/info").json()["@type"], json!("neuroglancer_legacy_mesh"));
    assert_eq!(served.get("data/cells/0/mesh/3:0").json(), json!({"fragments": ["3.m"]}));
    let mesh = served.get("data/cells/0/mesh/3.m").body;
    let vertices = u32::from_le_bytes(mesh[..4].try_into().unwrap()) as usize;
    assert!(vertices > 1000 && (mesh.len() - 4 - 12 * vertices).is_multiple_of(12));
    for missing in
        ["data/cells/0/mesh/4.m", "data/raw/0/mesh/3:0", "data/p/0/mesh/1.m", "data/cells/0/mesh/x.m"]
    {
        assert_eq!(served.get(missing).status, 404, "{missing}");
    }
    let objects = || served.get("api/objects/cells").json();
    let is_measuring = |objects: &Value| objects["state"] == "measuring";
    let mut table = objects();
    for _ in 0..200 {
        if !is_measuring(&table) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        table = objects();
    }
    assert_eq!((&table["state"], &table["progress"]), (&json!("ready"), &json!(1.0)), "{table}");
    let column = |name: &str| table["columns"].as_array().unwrap().iter().position(|c| c == name).unwrap();
    assert_eq!(table["rows"][0][column("voxels")], json!(32_000));
    assert_eq!(table["rows"][0][column("class")], json!("cells"));
    assert_eq!(served.get("api/objects/raw").status, 404);
}

#[test]
fn a_page_of_somebody_else_sees_nothing_of_a_view() {
    let served = served();
    for (path, headers, status) in [
        (format!("/{}/api/view", served.secret), "", 200),
        (format!("/{}/api/view", served.secret), "Origin: http://evil.example\r\n", 403),
        (format!("/{}/data/raw/0/info", served.secret), "Sec-Fetch-Site: cross-site\r\n", 403),
        ("/api/view".into(), "", 403),
        (format!("/{}/api/view", "0".repeat(32)), "", 403),
    ] {
        assert_eq!(served.ask("GET", &path, headers, b"").status, status, "{path} {headers}");
    }
    let path = format!("/{}/data/raw/0/0/0-64_0-64_0-16", served.secret);
    assert_eq!(served.ask_host("evil.example", "GET", &path, "", b"").status, 403);
}

#[test]
fn a_thousand_senseless_requests_are_told_nothing() {
    let served = served();
    std::fs::write(served.folder.path().join("secret.txt"), "what nobody may read").unwrap();
    let mut draws = Draws(11);
    let parts = [
        "data",
        "raw",
        "cells",
        "p",
        "0",
        "1",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "mesh",
        "info",
        "..",
        "%2e%2e",
        "..%2fsecret.txt",
        "secret.txt",
        "0-64_0-64_0-16",
        "0-64_0-64_16-20",
        "18446744073709551615-64_0-64_0-16",
        "64-0_0-64_0-16",
        "0-18446744073709551615_0-64_0-16",
        "3:0",
        "3.m",
        "18446744073709551615.m",
        "0.m",
        "api",
        "objects",
        "value",
        "%00",
        "\u{e9}",
        "",
    ];
    let mut refused = 0;
    for _ in 0..1000 {
        let begin =
            draws.of(&["data/raw/0", "data/cells/0", "data/cells/0/mesh", "api/value", "api/objects", ""]);
        let rest: Vec<&str> = (0..1 + draws.next(4)).map(|_| draws.of(&parts)).collect();
        let method = draws.of(&["GET", "GET", "GET", "POST", "DELETE", "HEAD"]);
        let path = format!("/{}/{begin}/{}", served.secret, rest.join("/"));
        let answer = served.ask(method, &path, "", b"");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("nobody may read"), "{path}");
        assert!(answer.status < 500, "{method} {path}: {text}");
        refused += usize::from(answer.status >= 400);
    }
    assert!(refused > 500, "{refused}");
    assert_eq!(served.get("api/view").status, 200, "it still answers");
}
