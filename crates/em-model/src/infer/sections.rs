//! One section through a network: mirrored borders, tiles with a halo, no seams.
//!
//! ```text
//!   ┌───────────────────────────┐  extended section: the section and `border` mirrored voxels
//!   │  ┌─────────┬───────────┐  │  around it, its edges rounded up to what the network takes
//!   │  │ write   │           │  │
//!   │  │ region  │           │  │  a tile reads its write region and a halo as wide as the
//!   │  ├─────────┼───────────┤  │  network sees, so the result does not depend on the tiling
//!   │  │         │           │  │
//!   │  └─────────┴───────────┘  │
//!   └───────────────────────────┘
//! ```

use em_data::{Normalization, TileGrid};
use tch::{Kind, Tensor};

use super::PredictConfig;
use crate::error::Computed;
use crate::network::{FoldedNetwork, channels_last, mirrored, normalized};
use crate::{Architecture, Padding};

/// How sections are cut for inference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionConfig {
    /// Largest edge of what goes through the network at once, before the halo.
    pub tile_size: usize,
    /// Mirrored voxels around the section.
    pub border: usize,
    /// Bounds the halo of tiles below what the network sees, where that is too wide.
    pub largest_halo: usize,
    pub normalization: Normalization,
}

impl SectionConfig {
    /// How sections are cut whose tiles see as far as the network does.
    pub fn new(predict: &PredictConfig, normalization: Normalization) -> Self {
        let (tile_size, border) = (predict.tile_size, predict.border);
        Self { tile_size, border, largest_halo: usize::MAX, normalization }
    }
}

/// Returns the edges, `[y, x]` in voxels, of the largest tile that goes through the network for
/// sections of `height` and `width`.
pub(crate) fn largest_tile(
    architecture: &Architecture,
    section: [usize; 2],
    config: &SectionConfig,
) -> Computed<[usize; 2]> {
    let frame = Frame::new(architecture, section, config)?;
    let largest = frame.grid.tiles().fold([0, 0], |[height, width]: [usize; 2], tile| {
        let [_, y, x] = tile.read.shape;
        [height.max(y), width.max(x)]
    });
    Ok(largest.map(|edge| architecture.input_edge(edge + 2 * frame.margin)))
}

/// Maps sections with their context, `[n, context, y, x]` of any kind, to logits `[n, channel, y, x]`;
/// of a network of volumes `[1, z, y, x]` to `[1, channel, z, y, x]`.
pub(crate) fn logits(net: &FoldedNetwork, sections: &Tensor, config: &SectionConfig) -> Computed<Tensor> {
    let _guard = tch::no_grad_guard();
    let (_, context, height, width) = sections.size4()?;
    let frame = Frame::new(net.architecture(), [height as usize, width as usize], config)?;
    let inputs = normalized(&sections.f_to_kind(Kind::Float)?, config.normalization)?;
    let inputs = mirrored(&mirrored(&inputs, 2, frame.pad[0])?, 3, frame.pad[1])?;
    let channels = net.architecture().in_channels as i64;
    let inputs = match net.architecture().dimensions {
        3 => inputs.f_unsqueeze(1)?.f_expand([-1, channels, -1, -1, -1], false)?,
        _ if context > 1 => inputs,
        _ => inputs.f_expand([-1, channels, -1, -1], false)?,
    };

    let mut rows: Vec<Tensor> = Vec::new();
    let [_, tile_rows, tile_columns] = frame.grid.tiles_per_axis();
    let mut tiles = frame.grid.tiles();
    for _ in 0..tile_rows {
        let mut row = Vec::with_capacity(tile_columns);
        for tile in tiles.by_ref().take(tile_columns) {
            let ([_, y, x], [_, h, w]) = (tile.read.start, tile.read.shape);
            // A valid network reads its margin around each tile besides.
            let edges = [h, w].map(|edge| net.architecture().input_edge(edge + 2 * frame.margin));
            let input = narrow(&inputs, [y, x], edges)?;
            let output = net.forward(&channels_last(&input)?)?;
            let [_, oy, ox] = tile.write_offset();
            row.push(narrow(&output, [oy, ox], [tile.write.shape[1], tile.write.shape[2]])?);
        }
        rows.push(Tensor::f_cat(&row, -1)?);
    }
    narrow(&Tensor::f_cat(&rows, -2)?, frame.inset, [height as usize, width as usize])
}

/// The extended section and its tiles.
struct Frame {
    /// Mirrored voxels before and after, along y and x.
    pad: [(usize, usize); 2],
    /// Tiles over the network's output.
    grid: TileGrid,
    /// Where the section starts in the output, along y and x.
    inset: [usize; 2],
    margin: usize,
}

impl Frame {
    fn new(architecture: &Architecture, section: [usize; 2], config: &SectionConfig) -> Computed<Self> {
        let (stride, margin) = (architecture.stride(), architecture.margin());
        let halo = match architecture.padding {
            Padding::Same => architecture.receptive_radius().min(config.largest_halo),
            Padding::Valid => 0,
        };
        let mut pad = [(0, 0); 2];
        let mut inset = [0; 2];
        let mut shape = [1; 3];
        let mut tile = [1; 3];
        for axis in 0..2 {
            let border = config.border + margin;
            let input = architecture.input_edge(section[axis] + 2 * border);
            pad[axis] = (border, input - section[axis] - border);
            inset[axis] = border - margin;
            let output = input - 2 * margin;
            shape[axis + 1] = output;
            // Tiles of about equal size, on the network's pooling grid.
            let largest = architecture.largest_core(axis + 1, output).unwrap_or(usize::MAX);
            let count = output.div_ceil(config.tile_size.min(largest).max(stride));
            tile[axis + 1] = output.div_ceil(count).next_multiple_of(stride);
        }
        Ok(Self { pad, grid: TileGrid::new(shape, tile, [0, halo, halo])?, inset, margin })
    }
}

/// Cuts `[start, start + shape)` out of the last two axes.
fn narrow(tensor: &Tensor, start: [usize; 2], shape: [usize; 2]) -> Computed<Tensor> {
    let rows = tensor.f_narrow(-2, start[0] as i64, shape[0] as i64)?;
    Ok(rows.f_narrow(-1, start[1] as i64, shape[1] as i64)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Mode, Network};
    use crate::{Device, Preset};

    fn config(tile_size: usize, border: usize) -> SectionConfig {
        let normalization = Normalization::Zscore { mean: 100.0, std: 50.0 };
        SectionConfig { tile_size, border, largest_halo: usize::MAX, normalization }
    }

    fn network(preset: Preset) -> FoldedNetwork {
        Network::new(&preset.architecture(), Device::Cpu, 5).unwrap().folded().unwrap()
    }

    fn sections(n: i64, height: i64, width: i64) -> Tensor {
        Tensor::randint(255, [n, 1, height, width], (Kind::Uint8, tch::Device::Cpu))
    }

    #[test]
    fn the_result_does_not_depend_on_the_tile_size() {
        let net = network(Preset::Unet);
        let section = sections(1, 300, 420);
        let whole = logits(&net, &section, &config(4096, 16)).unwrap();
        assert_eq!(whole.size(), [1, 1, 300, 420]);
        for tile_size in [64, 100, 256] {
            let tiled = logits(&net, &section, &config(tile_size, 16)).unwrap();
            let difference = (&whole - tiled).abs().max().double_value(&[]);
            assert!(difference < 1e-4, "tiles of {tile_size}: {difference}");
        }
    }

    #[test]
    fn a_network_with_context_takes_its_sections_as_channels() {
        let architecture =
            Architecture { context_sections: 3, in_channels: 3, ..Preset::Unet.architecture() };
        let net = Network::new(&architecture, Device::Cpu, 5).unwrap();
        let sections = Tensor::randint(255, [2, 3, 64, 80], (Kind::Uint8, tch::Device::Cpu));
        let x = (sections.to_kind(Kind::Float) - 100.0) / 50.0;
        let bare = tch::no_grad(|| net.forward(&x, Mode::Inference).unwrap());
        let out = logits(&net.folded().unwrap(), &sections, &config(1024, 0)).unwrap();
        let difference = (bare - out).abs().max().double_value(&[]);
        assert!(difference < 1e-4, "{difference}");
    }

    #[test]
    fn sections_of_any_size_come_back_in_their_size() {
        let net = network(Preset::Unet);
        for (height, width) in [(1, 1), (3, 50), (17, 16), (64, 33)] {
            let out = logits(&net, &sections(2, height, width), &config(1024, 16)).unwrap();
            assert_eq!(out.size(), [2, 1, height, width]);
        }
    }

    #[test]
    fn a_valid_network_writes_whole_sections_too() {
        let net = network(Preset::Ronneberger);
        let section = sections(1, 100, 90);
        let whole = logits(&net, &section, &config(1024, 0)).unwrap();
        assert_eq!(whole.size(), [1, 4, 100, 90]);
        let tiled = logits(&net, &section, &config(48, 0)).unwrap();
        let difference = (whole - tiled).abs().max().double_value(&[]);
        assert!(difference < 1e-4, "{difference}");
    }

    #[test]
    fn without_border_the_result_is_the_bare_network() {
        let net = Network::new(&Preset::Unet.architecture(), Device::Cpu, 5).unwrap();
        let section = sections(1, 64, 80);
        let x = (section.to_kind(Kind::Float) - 100.0) / 50.0;
        let bare = tch::no_grad(|| net.forward(&x, Mode::Inference).unwrap());
        let out = logits(&net.folded().unwrap(), &section, &config(1024, 0)).unwrap();
        let difference = (bare - out).abs().max().double_value(&[]);
        assert!(difference < 1e-4, "{difference}");
    }
}
