//! What a network costs: its parameters, and the multiply-adds of a tile.

use crate::architecture::{Architecture, Norm, Padding};

/// One convolution: channels in and out, voxels of the kernel, edge of what it is applied to.
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
        let edge = self.input_edge(1);
        self.layers(edge).map(|l| l.inputs * l.outputs * l.kernel + l.per_filter * l.outputs).sum()
    }

    /// Returns the multiply-adds of all convolutions for one square tile of edge `tile_size`.
    ///
    /// Twice that is the number of floating-point operations; norms and activations are not counted.
    pub fn multiply_adds(&self, tile_size: usize) -> u64 {
        self.layers(self.input_edge(tile_size))
            .map(|l| (l.inputs * l.outputs * l.kernel) as u64 * l.places)
            .sum()
    }

    /// All convolutions, in the order in which they are applied to a tile of that edge.
    fn layers(&self, mut edge: usize) -> impl Iterator<Item = Layer> {
        let mut layers = Vec::new();
        for (level, &filters) in self.filters.iter().enumerate() {
            let inputs = if level == 0 { self.in_channels } else { self.filters[level - 1] };
            edge = if level == 0 { edge } else { edge / 2 };
            self.block(&mut layers, inputs, filters, &mut edge);
        }
        for pair in self.filters.windows(2).rev() {
            let [above, below] = [pair[0], pair[1]];
            let places = (edge * edge) as u64;
            layers.push(Layer { inputs: below, outputs: above, kernel: 4, places, per_filter: 1 });
            edge *= 2;
            self.block(&mut layers, 2 * above, above, &mut edge);
        }
        let (inputs, outputs) = (self.filters[0], self.out_channels);
        layers.push(Layer { inputs, outputs, kernel: 1, places: (edge * edge) as u64, per_filter: 1 });
        layers.into_iter()
    }

    fn block(&self, layers: &mut Vec<Layer>, inputs: usize, filters: usize, edge: &mut usize) {
        let per_filter = if self.norm == Norm::None { 1 } else { 2 };
        for inputs in [inputs, filters] {
            if self.padding == Padding::Valid {
                *edge -= 2;
            }
            let places = (*edge * *edge) as u64;
            layers.push(Layer { inputs, outputs: filters, kernel: 9, places, per_filter });
        }
        if self.residual && inputs != filters {
            let places = (*edge * *edge) as u64;
            layers.push(Layer { inputs, outputs: filters, kernel: 1, places, per_filter });
        }
    }
}
