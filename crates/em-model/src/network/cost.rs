//! What a network costs: its parameters, and the multiply-adds of a tile.

use super::{Architecture, Norm, Padding};

/// One convolution: channels in and out, voxels of the kernel, and where it is applied.
struct Layer {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    /// Voxels at which the kernel is applied.
    places: u64,
    /// Numbers per output channel besides the kernel: gain and shift, or a bias.
    per_filter: usize,
}

impl Architecture {
    /// Returns the number of trainable parameters.
    pub fn parameter_count(&self) -> usize {
        if let Some(imported) = &self.imported {
            return imported.parameters;
        }
        self.layers([self.stride_z(), self.input_edge(1)])
            .map(|l| l.inputs * l.outputs * l.kernel + l.per_filter * l.outputs)
            .sum()
    }

    /// Returns the multiply-adds of all convolutions of a network of our own for one tile of `tile_depth` sections (1 in 2D)
    /// and edge `tile_size`, in training: side outputs of deep supervision included.
    ///
    /// Twice that is the number of floating-point operations; norms and activations are not counted.
    ///
    /// `None` for imported networks, of which that is not known.
    pub fn multiply_adds(&self, tile_depth: usize, tile_size: usize) -> Option<u64> {
        if self.imported.is_some() {
            return None;
        }
        let depth = tile_depth.max(1).next_multiple_of(self.stride_z());
        let layers = self.layers([depth, self.input_edge(tile_size)]);
        Some(layers.map(|l| (l.inputs * l.outputs * l.kernel) as u64 * l.places).sum())
    }

    /// All convolutions, in the order in which they are applied to a tile of that depth and edge.
    fn layers(&self, mut tile: [usize; 2]) -> impl Iterator<Item = Layer> {
        let mut layers = Vec::new();
        let factor = |level: usize| if self.is_deep(level) { 2 } else { 1 };
        for (level, &filters) in self.filters.iter().enumerate() {
            let inputs = if level == 0 { self.in_channels } else { self.filters[level - 1] };
            if level > 0 {
                tile = [tile[0] / factor(level - 1), tile[1] / 2];
            }
            self.block(&mut layers, level, [inputs, filters], &mut tile);
        }
        for level in (0..self.depth()).rev() {
            let [above, below] = [self.filters[level], self.filters[level + 1]];
            let (places, kernel) = (places(tile), 4 * factor(level));
            layers.push(Layer { inputs: below, outputs: above, kernel, places, per_filter: 1 });
            tile = [tile[0] * factor(level), tile[1] * 2];
            self.block(&mut layers, level, [2 * above, above], &mut tile);
            if level == 0 || self.deep_supervision {
                let (places, outputs) = (self::places(tile), self.out_channels);
                layers.push(Layer { inputs: above, outputs, kernel: 1, places, per_filter: 1 });
            }
        }
        layers.into_iter()
    }

    fn block(
        &self,
        layers: &mut Vec<Layer>,
        level: usize,
        [inputs, filters]: [usize; 2],
        tile: &mut [usize; 2],
    ) {
        let kernel = if self.is_deep(level) { 27 } else { 9 };
        let per_filter = if self.norm == Norm::None { 1 } else { 2 };
        for inputs in [inputs, filters] {
            if self.padding == Padding::Valid {
                tile[1] -= 2;
            }
            let places = places(*tile);
            layers.push(Layer { inputs, outputs: filters, kernel, places, per_filter });
        }
        if self.residual && inputs != filters {
            let places = places(*tile);
            layers.push(Layer { inputs, outputs: filters, kernel: 1, places, per_filter });
        }
    }
}

fn places([depth, edge]: [usize; 2]) -> u64 {
    (depth * edge * edge) as u64
}
