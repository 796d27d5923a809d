//! `em-cli models`: the networks that are part of the program.

use anyhow::Result;
use em_pipeline::built_in;
use em_pipeline::display::four_digits;

use crate::console::say;

/// Runs the command.
pub fn run() -> Result<()> {
    for network in em_pipeline::em_models::BUILT_IN {
        let card = built_in::card(&network)?;
        let pixel = card.voxel_size_nm.map_or("unknown".into(), |nm| format!("{} nm", four_digits(nm[2])));
        say!("{}", network.name);
        say!("  finds     {}", network.finds);
        say!("  fails on  {}", network.fails);
        say!("  trained   on generated volumes only, at pixels of {pixel}; network `{}`", network.network);
        say!("  use       em-cli predict --model {} STACK.tif -o MASK.tif", network.name);
        say!("  better    em-cli adapt {} STACK.tif -o RUN, then predict with RUN", network.name);
    }
    Ok(())
}
