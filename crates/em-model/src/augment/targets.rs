//! What a network is to learn of a tile: masks, and which of their voxels count.

use tch::{Kind, Tensor};

use crate::error::Computed;

/// Masks of 0 and 1 and which voxels count in losses and scores, as 32-bit floats.
#[derive(Debug)]
pub(crate) struct Targets {
    /// `[n, class, ..., y, x]`.
    pub masks: Tensor,
    /// `[n, 1, ..., y, x]`, or `[n, class, ..., y, x]`, 1 where voxels count; `None` where all do.
    pub counted: Option<Tensor>,
}

impl Targets {
    /// The targets of every `step`-th voxel along each axis, as many as `logits` have.
    pub fn coarser(&self, logits: &Tensor) -> Computed<Self> {
        let coarser = |fine: &Tensor| -> Computed<Tensor> {
            let mut coarse = fine.shallow_clone();
            for axis in 2..fine.dim() {
                let step = fine.size()[axis] / logits.size()[axis];
                coarse = coarse.f_slice(axis as i64, None, None, step)?;
            }
            Ok(coarse)
        };
        let counted = self.counted.as_ref().map(coarser).transpose()?;
        Ok(Self { masks: coarser(&self.masks)?, counted })
    }
}

/// The labels of a part of a volume on the device, 0 and 1: masks `[class, ...]`, and
/// `[1, ...]` or `[class, ...]`, 1 where nobody labelled.
#[derive(Debug)]
pub(crate) struct Labels {
    pub masks: Tensor,
    pub ignored: Option<Tensor>,
}

impl Labels {
    /// Changes masks and what is ignored alike.
    pub fn map(&self, change: impl Fn(&Tensor) -> Computed<Tensor>) -> Computed<Self> {
        let ignored = self.ignored.as_ref().map(&change).transpose()?;
        Ok(Self { masks: change(&self.masks)?, ignored })
    }

    /// Puts labels of one size together.
    pub fn stacked(labels: &[Self]) -> Computed<Targets> {
        let stack = |parts: &[&Tensor]| -> Computed<Tensor> {
            Ok(Tensor::f_stack(parts, 0)?.f_to_kind(Kind::Float)?)
        };
        let masks: Vec<&Tensor> = labels.iter().map(|labels| &labels.masks).collect();
        let ignored: Option<Vec<&Tensor>> = labels.iter().map(|labels| labels.ignored.as_ref()).collect();
        let counted =
            ignored.map(|ignored| Ok::<_, crate::error::Failure>(1.0 - stack(&ignored)?)).transpose()?;
        Ok(Targets { masks: stack(&masks)?, counted })
    }
}
