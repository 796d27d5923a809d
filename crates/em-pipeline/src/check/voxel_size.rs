//! Voxel sizes that are unknown, or differ between files that should be alike.

use std::path::Path;

use super::facts::StackFacts;
use super::finding::Finding;
use crate::config::RunConfig;
use crate::display;

/// Sizes that differ by less are the same: microscopes are calibrated to a per cent.
const SAME_SIZE: f64 = 0.01;

/// Sections thicker than so many pixels are wide are too unlike their neighbours to be stacked.
const ANISOTROPIC: f64 = 3.0;

/// Compares the voxel sizes of the configuration and of all files.
pub fn check(config: &RunConfig, stacks: &[StackFacts], findings: &mut Vec<Finding>) {
    let raw = stacks.iter().map(|stack| (stack.raw.path.as_path(), stack.raw.voxel_size_nm));
    let labels = stacks.iter().flat_map(|stack| &stack.labels);
    let labels = labels.map(|(_, label)| (label.path.as_path(), label.voxel_size_nm));
    let known: Vec<(&Path, [f64; 3])> =
        raw.chain(labels).filter_map(|(path, size)| Some((path, size?))).collect();
    let size = config.data.voxel_size_nm.or(known.first().map(|(_, size)| *size));
    let Some(size) = size else {
        let hint = "set data.voxel_size_nm, or write it with `em-cli convert --voxel-size Z,Y,X`";
        findings.push(Finding::note("no file tells its voxel size").hint(hint));
        return;
    };
    let of =
        if config.data.voxel_size_nm.is_some() { "data.voxel_size_nm says" } else { "the first file has" };
    for (path, other) in known.iter().filter(|(_, other)| differ(size, *other)) {
        let finding = Finding::warning(format!("voxels of {} [z, y, x]", display::voxel_size(*other)));
        let finding = finding.file(path).expected(format!("{}, as {of}", display::voxel_size(size)));
        findings.push(finding.hint("a network learns the size of objects in voxels: use stacks of one size"));
    }
    let [z, y, x] = size;
    let ratio = z / y.min(x);
    if ratio > ANISOTROPIC {
        let found = format!("anisotropic: sections are {ratio:.1} times as thick as a pixel is wide");
        let hint = "a 2D network suits them; neighbouring sections help little";
        findings.push(Finding::note(found).hint(hint));
    }
}

fn differ(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME_SIZE * a.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_per_cent_is_no_difference() {
        assert!(!differ([50.0, 4.6, 4.6], [50.2, 4.6, 4.6]));
        assert!(differ([50.0, 4.6, 4.6], [45.0, 4.6, 4.6]));
    }
}
