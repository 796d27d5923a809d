//! The part of a batch that is this process's: all of it, or that of one of several ranks; and what is summed
//! over the whole batch.
//!
//! Losses, batch norm and gradients are those of the whole batch, wherever its tiles are: sums over voxels
//! are added up over the ranks before anything is divided.

use std::ops::Range;

use tch::Tensor;

use super::Ranks;
use super::c10d::Norm;
use crate::error::Computed;

/// The part of a batch that this process computes.
#[derive(Clone, Debug)]
pub(crate) struct Share<'a> {
    /// `None` where the batch is one process's.
    ranks: Option<&'a Ranks>,
    /// The tiles of the batch that this process computes, at least one.
    tiles: Range<usize>,
    /// The tiles of the batch.
    of: usize,
    /// Whether they count; of a batch with fewer tiles than ranks, some ranks compute one that does not, so
    /// that all of them go through the same.
    counts: bool,
}

impl Share<'_> {
    /// All of a batch.
    pub fn whole(tiles: usize) -> Self {
        Self { ranks: None, tiles: 0..tiles, of: tiles, counts: true }
    }
}

impl<'a> Share<'a> {
    /// The part of a batch of so many tiles, at least one, that is this rank's.
    pub fn of(ranks: Option<&'a Ranks>, tiles: usize) -> Self {
        let Some(ranks) = ranks else {
            return Self { ranks: None, tiles: 0..tiles, of: tiles, counts: true };
        };
        let own = part(ranks.rank(), ranks.size(), tiles);
        let counts = !own.is_empty();
        Self { ranks: Some(ranks), tiles: if counts { own } else { 0..1 }, of: tiles, counts }
    }

    /// Whether other ranks have parts of the batch.
    pub fn is_part(&self) -> bool {
        self.ranks.is_some()
    }

    /// The tiles of this process, numbered within the batch.
    pub fn tiles(&self) -> Range<usize> {
        self.tiles.clone()
    }

    /// How many tiles the whole batch has.
    pub fn of_tiles(&self) -> usize {
        self.of
    }

    /// Whether the tiles of this process count.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// How many numbers the whole batch has, where the tiles of this process have so many as `tensor`,
    /// `[n, ...]`.
    pub fn numbers(&self, tensor: &Tensor) -> f64 {
        tensor.numel() as f64 / self.tiles.len() as f64 * self.of as f64
    }

    /// The sum over the tiles of the whole batch, of which `own` is that over those of this process. All ranks
    /// go on with it alike, and the gradient stays that of the whole.
    pub fn sum(&self, own: Tensor) -> Computed<Tensor> {
        match self.ranks {
            None => Ok(own),
            Some(ranks) => ranks.computed(ranks.group.sum_of_ranks(&own, self.counts)),
        }
    }

    /// Computes the gradients of a loss, for which ranks wait for each other where batch norm has part in it.
    pub fn backward(&self, loss: &Tensor) -> Computed<()> {
        match self.ranks {
            None => Ok(loss.f_backward()?),
            Some(ranks) => ranks.computed(loss.f_backward().map_err(|error| error.to_string())),
        }
    }

    /// Batch norm with the statistics of the whole batch; `None` where those of this process are these.
    pub fn batch_norm(&self, norm: &Norm<'_>) -> Option<Computed<Tensor>> {
        let ranks = self.ranks?;
        Some(ranks.computed(ranks.group.batch_norm(norm, self.counts)))
    }

    /// Sets a share of the numbers to 0, and the others such that the mean stays. The numbers are drawn for
    /// the whole batch, so that they are those of one process.
    pub fn dropout(&self, features: &Tensor, share: f64) -> Computed<Tensor> {
        if self.ranks.is_none() {
            return Ok(features.f_dropout(share, true)?);
        }
        // In the order in which the numbers lie in memory, as they are drawn.
        let (mut size, mut strides) = (features.size(), features.stride());
        (size[0], strides[0]) = (self.of as i64, size[1..].iter().product());
        let options = (features.kind(), features.device());
        let kept = Tensor::f_empty_strided(&size, &strides, options)?.f_bernoulli_float_(1.0 - share)?;
        let own = kept.f_narrow(0, self.tiles.start as i64, self.tiles.len() as i64)?;
        Ok(features * own.f_div_scalar(1.0 - share)?)
    }

    /// Adds gradients up over the ranks, in place.
    pub fn add_gradients(&self, gradients: &[Tensor]) -> Computed<()> {
        match self.ranks {
            None => Ok(()),
            Some(ranks) => ranks.add_up(gradients),
        }
    }
}

/// The part of `tiles` that is a rank's: parts differ by one tile at most, and lie side by side.
fn part(rank: usize, size: usize, tiles: usize) -> Range<usize> {
    rank * tiles / size..(rank + 1) * tiles / size
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_tile_is_one_ranks(size in 1_usize..9, tiles in 0_usize..40) {
            let parts: Vec<Range<usize>> = (0..size).map(|rank| part(rank, size, tiles)).collect();
            let all: Vec<usize> = parts.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..tiles).collect::<Vec<_>>());
            let lengths = parts.iter().map(Range::len);
            prop_assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }
    }
}
