#![doc = include_str!("../README.md")]

/// A built-in network, as one class of it is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltIn {
    /// The name that it is asked for by, which is the class that it finds.
    pub name: &'static str,
    /// The network that finds it; several names may share one.
    pub network: &'static str,
    /// What it is for, in a few words.
    pub finds: &'static str,
    /// Where it fails.
    pub fails: &'static str,
    /// The model card: `model.json` of a run.
    pub card: &'static str,
    /// The weights: `model.safetensors` of a run.
    pub weights: &'static [u8],
    /// The thresholds that were chosen for the weights: `tune.json` of a run.
    pub tuning: &'static str,
}

const CARD: &str = include_str!("../cells/model.json");
const TUNING: &str = include_str!("../cells/tune.json");
const WEIGHTS: &[u8] = include_bytes!("../cells/model.safetensors");

/// All built-in networks.
pub const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        name: "mitochondria",
        network: "cells",
        finds: "mitochondria with their outer membrane",
        fails: "boutons dense with dark vesicles and stacks of thin processes, which it takes for some",
        card: CARD,
        weights: WEIGHTS,
        tuning: TUNING,
    },
    BuiltIn {
        name: "synapses",
        network: "cells",
        finds: "densities of chemical synapses, with membranes and cleft",
        fails: "thick dark membranes, which it takes for some; thin densities of insects, of which it misses most",
        card: CARD,
        weights: WEIGHTS,
        tuning: TUNING,
    },
];

/// Returns the built-in network of that name.
///
/// ```
/// let network = em_models::named("mitochondria").expect("it is built in");
/// assert_eq!(network.network, "cells");
/// assert!(em_models::named("axons").is_none());
/// ```
pub fn named(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|network| network.name == name)
}
