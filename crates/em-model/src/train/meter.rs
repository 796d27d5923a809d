//! Loss and counts of the training tiles of one epoch, kept on the device.

use tch::{Kind, Tensor};

use super::validation::{counts_of, tally_of};
use crate::augment::Targets;
use crate::error::Computed;
use crate::ranks::{Ranks, Share};
use crate::{Device, EpochScores, Error};

/// Steps between two looks at the loss, which make an accelerator wait.
const STEPS_BETWEEN_LOOKS: usize = 16;

#[derive(Debug)]
pub(super) struct Meter {
    device: Device,
    /// Sum of the losses, each weighted by its number of tiles.
    loss: Option<Tensor>,
    /// Of this process's tiles.
    tally: Option<Tensor>,
    tiles: usize,
}

impl Meter {
    pub fn new(device: Device) -> Self {
        Self { device, loss: None, tally: None, tiles: 0 }
    }

    /// Adds the loss of a batch, and what was predicted of this process's share of it.
    pub fn add(
        &mut self,
        loss: &Tensor,
        probabilities: &Tensor,
        targets: &Targets,
        share: &Share<'_>,
    ) -> Computed<()> {
        let _guard = tch::no_grad_guard();
        self.tiles += share.of_tiles();
        let loss = loss.f_detach()?.f_to_kind(Kind::Double)? * share.of_tiles() as f64;
        let mut tally = tally_of(&probabilities.f_detach()?, targets)?;
        if !share.counts() {
            tally = tally.f_zeros_like()?;
        }
        self.loss = Some(self.loss.take().map_or_else(|| loss.shallow_clone(), |sum| sum + &loss));
        self.tally = Some(self.tally.take().map_or_else(|| tally.shallow_clone(), |sum| sum + &tally));
        Ok(())
    }

    pub fn tiles(&self) -> usize {
        self.tiles
    }

    /// The mean loss so far: at each step on the CPU, where a look costs nothing, else now and then.
    pub fn loss_now_and_then(&self, step: usize, epoch: usize, steps: usize) -> Computed<Option<f64>> {
        if self.device != Device::Cpu && !step.is_multiple_of(STEPS_BETWEEN_LOOKS) {
            return Ok(None);
        }
        self.mean_loss(epoch, steps).map(Some)
    }

    /// The scores of all ranks' tiles.
    pub fn scores(&self, epoch: usize, steps: usize, ranks: Option<&Ranks>) -> Computed<EpochScores> {
        if let (Some(ranks), Some(tally)) = (ranks, &self.tally) {
            ranks.add_up(&[tally.shallow_clone()])?;
        }
        let counts = self.tally.as_ref().map(counts_of).transpose()?.unwrap_or_default();
        Ok(EpochScores { loss: self.mean_loss(epoch, steps)?, counts })
    }

    fn mean_loss(&self, epoch: usize, steps: usize) -> Computed<f64> {
        let sum = self.loss.as_ref().map_or(0.0, |sum| sum.double_value(&[]));
        let loss = sum / self.tiles.max(1) as f64;
        if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { loss, epoch, steps }.into()) }
    }
}
