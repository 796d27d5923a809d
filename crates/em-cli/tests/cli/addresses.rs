//! Commands on volumes behind addresses: what they read, what they write, and what they refuse.

use std::process::{Command, Output};

use crate::annotate::Serving;
use crate::lab::{Lab, disc, raw};
use crate::server::{Mood, Server};

const SHAPE: [usize; 3] = [3, 64, 64];

/// A folder with a stack and a mask, and a server of them as files and as the bucket `data`.
fn lab() -> (Lab, Server) {
    let lab = Lab::new();
    std::fs::create_dir(lab.path("data")).unwrap();
    for ending in ["tif", "zarr"] {
        lab.write_volume(&format!("data/raw.{ending}"), raw(SHAPE));
        lab.write_mask(&format!("data/mask.{ending}"), disc(SHAPE));
    }
    let server = Server::start(&lab.path(""), |_, _| Mood::Well);
    (lab, server)
}

/// `em-cli` as who has keys for the buckets of a server.
fn signed(lab: &Lab, server: &Server, arguments: &str) -> Command {
    let mut command = lab.em_cli(arguments);
    command.envs([
        ("AWS_ENDPOINT_URL", server.url.as_str()),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ]);
    command
}

#[track_caller]
fn ok(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    String::from_utf8(stdout).unwrap()
}

#[test]
fn volumes_are_inspected_converted_measured_and_evaluated() {
    let (lab, server) = lab();
    let told = lab.ok(&format!("inspect {}/data/raw.tif", server.url));
    assert!(told.contains("3 x 64 x 64 [z, y, x]") && told.contains(&format!("{}/data/raw.tif", server.url)));
    let here = lab.ok("inspect data/raw.zarr").lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let there = ok(&mut signed(&lab, &server, "inspect s3://data/raw.zarr"));
    assert_eq!(there.lines().skip(1).collect::<Vec<_>>(), here);

    ok(&mut signed(&lab, &server, "convert s3://data/raw.tif s3://data/new.zarr --chunk 1,32,32"));
    assert_eq!(lab.volume("data/new.zarr"), raw(SHAPE));
    ok(&mut signed(&lab, &server, "convert s3://data/mask.tif s3://data/new.zarr/labels/mito"));
    assert_eq!(lab.volume("data/new.zarr/labels/mito"), lab.volume("data/mask.tif"));
    lab.ok(&format!("convert {}/data/new.zarr back.tif", server.url));
    assert_eq!(lab.volume("back.tif"), raw(SHAPE));
    lab.ok(&format!("convert file://{} of-file.tif", lab.path("data/raw.tif").display()));
    assert_eq!(lab.volume("of-file.tif"), raw(SHAPE));

    let options = "--labels s3://data/objects.zarr --voxel-size 50,5,5 -o objects";
    ok(&mut signed(&lab, &server, &format!("measure mito=s3://data/mask.zarr {options}")));
    let labels = em_io::open(lab.path("data/objects.zarr")).unwrap().read_all().unwrap().to_f32();
    assert_eq!(labels.iter().filter(|&&voxel| voxel == 1.0).count(), {
        lab.volume("data/mask.tif").iter().filter(|&&voxel| voxel > 0).count()
    });
    assert!(lab.read("objects/summary.json").contains("s3://data/mask.zarr"));
    let scores =
        format!("evaluate --prediction {0}/data/mask.tif --label {0}/data/mask.zarr --json", server.url);
    let scores: serde_json::Value = serde_json::from_str(&lab.ok(&scores)).unwrap();
    assert_eq!(scores["pooled"]["iou"], 1.0);
    let strange = lab.files().into_keys().filter(|name| name.contains(':') || name.contains(".part"));
    assert_eq!(strange.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_prediction_goes_from_a_bucket_to_a_bucket() {
    let (lab, server) = lab();
    let predict = "predict --model mitochondria s3://data/raw.zarr --voxel-size 50,5,5 --device cpu";
    let predict = format!("{predict} --set predict.block_voxels=4096");
    ok(&mut signed(&lab, &server, &format!("{predict} -o s3://data/out.zarr")));
    ok(&mut signed(&lab, &server, &format!("{predict} -o out.zarr")));
    assert_eq!(lab.volume("data/out.zarr"), lab.volume("out.zarr"));
    assert!(!lab.path("out.zarr.blocks").exists());
    let again =
        signed(&lab, &server, &format!("{predict} -o s3://data/out.zarr --overwrite")).output().unwrap();
    let message = lab.message(again);
    assert!(message.contains("`s3://data/out.zarr` exists already"), "{message}");
    assert!(message.contains("behind an address is not replaced"), "{message}");
}

#[test]
fn volumes_are_viewed_and_labelled() {
    let (lab, server) = lab();
    let view = format!("view {0}/data/raw.zarr m={0}/data/mask.tif --no-browser", server.url);
    let (serving, said) = Serving::start_saying(&lab, &view);
    assert!(said[0].starts_with("`raw.zarr`: 3 x 64 x 64") || said[0].contains("3 x 64 x 64"), "{said:?}");
    assert!(said[1].starts_with("m: a mask"), "{said:?}");
    assert!(serving.interrupted().0);
    let annotate = format!("annotate {}/data/raw.tif --voxel-size 50,5,5 --classes cells", server.url);
    let (serving, _) = Serving::start_saying(&lab, &format!("{annotate} --no-browser --device cpu"));
    assert!(serving.interrupted().0);
    assert!(lab.read("raw-labels/project.json").contains(&format!("{}/data/raw.tif", server.url)));
    let begun = format!("annotate {}/data/raw.tif --no-browser --device cpu", server.url);
    let (serving, _) = Serving::start_saying(&lab, &begun);
    assert!(serving.interrupted().0, "the project goes on");
}

#[test]
fn what_is_refused_says_so_and_makes_no_folder() {
    let (lab, server) = lab();
    let message = lab.mistake("inspect https://me:hunter2@server.org/raw.tif");
    assert!(!message.contains("hunter2") && message.contains("https://server.org/raw.tif"), "{message}");
    let message = lab.mistake("convert data/raw.tif s3://data/new.zarr?key=hunter2");
    assert!(!message.contains("hunter2") && message.contains("a query"), "{message}");
    let message = lab.mistake("measure m=data/mask.tif -o s3://data/objects");
    assert!(message.contains("a path of this machine"), "{message}");
    let message =
        lab.message(signed(&lab, &server, "convert data/raw.tif s3://data/new.tif").output().unwrap());
    assert!(message.contains("an address that ends in .zarr"), "{message}");
    let message = lab.mistake(&format!("convert data/raw.tif {}/new.zarr", server.url));
    assert!(message.contains("a web server is read only"), "{message}");
    let message =
        lab.message(signed(&lab, &server, "convert s3://data/raw.tif s3://data/raw.zarr").output().unwrap());
    assert!(message.contains("`s3://data/raw.zarr` exists already"), "{message}");
    let message = lab.message(signed(&lab, &server, "inspect s3://data/none.tif").output().unwrap());
    assert!(message.contains("no file or folder `s3://data/none.tif`"), "{message}");
}
