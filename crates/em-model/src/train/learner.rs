//! A network that learns: its weights, its optimiser, and the average of its weights.

use tch::Tensor;

use super::Training;
use super::average::Average;
use super::initial::{self, TakenWeights};
use super::optimizer::Optimizer;
use crate::RunFolder;
use crate::error::Computed;
use crate::network::Network;
use crate::ranks::Share;

/// What the names of the encoder's tensors begin with.
const ENCODER: &str = "enc";

#[derive(Debug)]
pub(super) struct Learner {
    pub net: Network,
    pub optimizer: Optimizer,
    pub average: Option<Average>,
    clip_gradient_norm: f64,
}

impl Learner {
    /// Starts with weights that follow from the seed.
    pub fn new(training: &Training<'_>) -> Computed<Self> {
        Self::with(random(training)?, training)
    }

    /// Starts with the weights of another network where they fit.
    pub fn from_other(training: &Training<'_>, other: &RunFolder) -> Computed<(Self, TakenWeights)> {
        let mut net = random(training)?;
        let taken = initial::take(&mut net, training, other)?;
        Ok((Self::with(net, training)?, taken))
    }

    fn with(mut net: Network, training: &Training<'_>) -> Computed<Self> {
        let config = &training.settings.train;
        if config.freeze_encoder {
            net.parameters_mut().freeze(ENCODER)?;
        }
        Ok(Self {
            optimizer: Optimizer::new(&config.optimizer, net.parameters())?,
            average: Average::new(config.average_decay, &net, &training.architecture, training.device)?,
            net,
            clip_gradient_norm: config.clip_gradient_norm,
        })
    }

    /// Follows the gradient of a batch's loss, of which this process has a share; it is step number `step`,
    /// from 1.
    pub fn step(
        &mut self,
        loss: &Tensor,
        share: &Share<'_>,
        learning_rate: f64,
        step: usize,
    ) -> Computed<()> {
        share.backward(loss)?;
        if share.is_part() {
            share.add_gradients(&self.optimizer.gradients())?;
        }
        if self.clip_gradient_norm > 0.0 {
            self.optimizer.clip_gradients(self.clip_gradient_norm)?;
        }
        self.optimizer.step(learning_rate)?;
        match &mut self.average {
            Some(average) => average.follow(&self.net, step),
            None => Ok(()),
        }
    }

    /// The network that is scored and kept: the average of the weights, where there is one.
    pub fn kept(&self) -> &Network {
        self.average.as_ref().map_or(&self.net, Average::net)
    }
}

/// A network whose weights follow from the seed, and that expects each class as often as it is there.
fn random(training: &Training<'_>) -> Computed<Network> {
    let mut net = Network::new(&training.architecture, training.device, training.settings.train.seed)?;
    net.expect(&training.set.foreground_shares(&training.split.train))?;
    Ok(net)
}
