//! `em-cli view` as a program: what it takes layers for, what it refuses, and how it ends.

use ndarray::Array3;

use crate::annotate::Serving;
use crate::lab::{Lab, disc, raw};

const SHAPE: [usize; 3] = [3, 64, 64];

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write_volume("raw.tif", raw(SHAPE));
    lab.write_mask("mask.tif", disc(SHAPE));
    lab
}

#[test]
fn layers_are_told_and_the_program_ends_well() {
    let lab = lab();
    let number = |(z, y, x): (usize, usize, usize)| (y / 20 + x / 20 + z) as u8;
    lab.write_volume("cells.tif", Array3::from_shape_fn(SHAPE, number));
    let (serving, said) =
        Serving::start_saying(&lab, "view raw.tif m=mask.tif cells.tif --objects same=mask.tif --no-browser");
    assert!(said[0].starts_with("`raw.tif`: 3 x 64 x 64 [z, y, x], of unknown voxel size"), "{said:?}");
    let expected = [
        "m: a mask, 8-bit unsigned, `mask.tif`",
        "cells: objects, 8-bit unsigned, `cells.tif`",
        "same: objects, 8-bit unsigned, `mask.tif`",
    ];
    assert_eq!(said[1..4], expected);
    let (ended_well, said) = serving.interrupted();
    assert!(ended_well && said.contains("no other file is changed"), "{said}");
}

#[test]
fn layers_that_do_not_fit_are_mistakes() {
    let lab = lab();
    lab.write_mask("small.tif", disc([3, 64, 32]));
    let message = lab.mistake("view raw.tif small.tif --no-browser");
    assert!(
        message.contains("`small.tif` is 3 x 64 x 32 voxels, and the image `raw.tif` is 3 x 64 x 64"),
        "{message}"
    );
    let message = lab.mistake("view raw.tif a=mask.tif a=mask.tif --no-browser");
    assert!(message.contains("two layers are called `a`") && message.contains("NAME=mask.tif"), "{message}");
    assert!(lab.mistake("view raw.tif missing.tif --no-browser").contains("missing.tif"));
    assert!(lab.mistake("view nothing.tif --no-browser").contains("nothing.tif"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let message = lab.mistake(&format!("view raw.tif --no-browser --port {port}"));
    assert!(message.contains("the page cannot be served") && message.contains("--port"), "{message}");
}
