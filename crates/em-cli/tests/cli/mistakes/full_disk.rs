//! Disks that are full, as the kernel makes them: a tmpfs of a few pages, in a namespace of its own.
//!
//! `cargo xtask bench faults --disk-full` does the same at every write of every command.

use std::process::Output;

use super::with_run;
use crate::lab::Lab;

/// What a script says where nothing can be mounted.
const NO_MOUNT: i32 = 77;

/// Runs the program with a disk of so many kilobytes at `disk`; returns what it ended with and the files that are
/// on the disk then, or `None` where this user may mount nothing.
fn on_a_disk(lab: &Lab, kilobytes: usize, before: &str, arguments: &str) -> Option<(Output, Vec<String>)> {
    let program = env!("CARGO_BIN_EXE_em-cli");
    let script = format!(
        "mkdir -p disk; mount -t tmpfs -o size={kilobytes}k none disk || exit {NO_MOUNT}; {before}\n\
         {program} {arguments}; code=$?; find disk -type f > left.txt; exit $code"
    );
    let output = lab.command("unshare", &["-rm", "sh", "-c", &script]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_MOUNT) || said.contains("unshare: ") {
        return None;
    }
    let left = lab.read("left.txt").lines().map(str::to_owned).collect();
    Some((output, left))
}

#[test]
fn a_disk_that_is_too_small_is_one_message_and_leaves_nothing() {
    let lab = with_run();
    lab.write_mask("mask.tif", crate::lab::disc([3, 64, 64]));
    for (arguments, largest) in [
        ("convert train.tif disk/copy.tif", 16),
        ("convert train.tif disk/copy.zarr", 16),
        ("extract train.tif disk/sections", 12),
        ("tile train.tif disk/tiles --size 32", 16),
        ("measure mask.tif --voxel-size 5,5,5 -o disk/objects", 60),
        ("compare run run --page disk/page.html", 8),
    ] {
        // The kernel gives pages of 4 kB.
        let (mut kilobytes, mut refused) = (4, 0);
        loop {
            let Some((output, left)) = on_a_disk(&lab, kilobytes, "", arguments) else {
                println!("skipped: full disks, since this user may not mount a tmpfs");
                return;
            };
            if output.status.success() {
                break;
            }
            refused += 1;
            let message = lab.message(output);
            assert!(message.contains("`disk/") || message.contains("`[DIR]/disk"), "{arguments}: {message}");
            assert!(message.contains("No space left on device"), "{arguments}: {message}");
            assert_eq!(left, Vec::<String>::new(), "{arguments}, {kilobytes} kB");
            kilobytes += (largest / 4).max(4) / 4 * 4;
            assert!(kilobytes < 4000, "{arguments} is never content");
        }
        assert!(refused > 0, "{arguments} fits into one page");
    }
}

#[test]
fn what_cannot_be_replaced_stays_and_a_prediction_goes_on() {
    let lab = with_run();
    lab.ok("convert train.tif earlier.tif");
    let earlier = lab.bytes("earlier.tif");
    let kilobytes = earlier.len().div_ceil(4096) * 4 + 4;
    let copy = "cp earlier.tif disk/copy.tif";
    let arguments = "convert val.tif disk/copy.tif --overwrite --type f32; cmp disk/copy.tif earlier.tif";
    let Some((output, left)) = on_a_disk(&lab, kilobytes, copy, arguments) else {
        println!("skipped: full disks, since this user may not mount a tmpfs");
        return;
    };
    assert_eq!((output.status.code(), left), (Some(0), vec!["disk/copy.tif".to_owned()]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left on device"));

    let predict =
        "predict --model run train.tif -o disk/mask.tif --device cpu --set predict.block_voxels=4096";
    lab.ok(&predict.replace("disk/", ""));
    // The first start finds the disk full; the second one has room, and goes on.
    let before = format!(
        "{} {predict} && exit 70; mount -o remount,size=4000k disk; cp -r disk/mask.tif.blocks kept 2>/dev/null; true",
        env!("CARGO_BIN_EXE_em-cli")
    );
    let after = format!("{predict} --resume; cmp disk/mask.tif mask.tif");
    let (output, left) = on_a_disk(&lab, 12, &before, &after).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("No space left on device").count(), 1, "{said}");
    assert_eq!(left, ["disk/mask.tif"]);
}
