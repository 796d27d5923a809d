//! Voxel sizes that are unknown, or differ between files that should be alike.

use std::path::Path;

use em_io::VoxelSize;

use super::facts::StackFacts;
use super::finding::Finding;
use crate::{RunConfig, voxel_size};

/// Compares the voxel sizes of the configuration and of all labelled files; `is_told` where another file tells one.
pub fn check(config: &RunConfig, stacks: &[StackFacts], is_told: bool, findings: &mut Vec<Finding>) {
    let raw = stacks.iter().map(|stack| (stack.raw.path.as_path(), stack.raw.voxel_size));
    let labels = stacks.iter().flat_map(|stack| &stack.labels);
    let labels = labels.map(|(_, label)| (label.path.as_path(), label.voxel_size));
    let known: Vec<(&Path, VoxelSize)> =
        raw.chain(labels).filter_map(|(path, size)| Some((path, size?))).collect();
    let doubt = config.data.voxel_size_nm.and_then(|size| voxel_size::doubt(size.nm()));
    findings.extend(doubt.map(|doubt| Finding::warning(format!("data.voxel_size_nm: {doubt}"))));
    let size = config.data.voxel_size_nm.or(known.first().map(|(_, size)| *size));
    let Some(size) = size else {
        if is_told {
            return;
        }
        let hint = "set data.voxel_size_nm, or write it with `em-cli convert --voxel-size Z,Y,X`";
        findings.push(Finding::note("no file tells its voxel size").hint(hint));
        return;
    };
    let of =
        if config.data.voxel_size_nm.is_some() { "data.voxel_size_nm says" } else { "the first file has" };
    for (path, other) in
        known.iter().filter(|(_, other)| !size.differs_by_at_most(voxel_size::TOLERANCE, *other))
    {
        let found = format!("voxels of {other} [z, y, x]");
        let finding = match config.data.voxel_size_nm {
            Some(_) => Finding::warning(found)
                .hint("a network learns the size of objects in voxels: use stacks of one size"),
            None => Finding::error(found).hint("set data.voxel_size_nm to the size that is right"),
        };
        findings.push(finding.file(path).expected(format!("{size}, as {of}")));
    }
    if size.is_anisotropic() {
        let ratio = size.anisotropy();
        let found = format!("anisotropic: sections are {ratio:.1} times as thick as a pixel is wide");
        let hint = "a 2D network suits them; neighbouring sections help little";
        findings.push(Finding::note(found).hint(hint));
    }
}
