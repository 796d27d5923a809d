//! The surface of one object, as Neuroglancer reads it.

use em_io::{Roi, Voxel, match_voxels};
use em_objects::{Mesh, surface};

use super::kind::Kind;
use super::layer::Layer;
use super::measuring::TableState;
use crate::Result;

/// The most voxels of the box that a surface is made of: a coarser level is taken where it has more.
const MOST_VOXELS: f64 = (4 << 20) as f64;
/// The most voxels of a level that is searched for an object of which no box is known.
const SEARCHED_VOXELS: usize = 16 << 20;

impl Layer {
    /// Returns the surface of an object in nm, the lower corner of the first voxel being 0: the number of
    /// vertices, three coordinates of each, x first, and three vertices of each triangle, all of 32 bits.
    ///
    /// `None` where nothing is found of that number.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn mesh(&self, id: u64) -> Result<Option<Vec<u8>>> {
        if self.kind != Kind::Objects || id == 0 {
            return Ok(None);
        }
        let Some(extent) = self.extent(id)? else { return Ok(None) };
        let (level, block) = self.level_of(extent);
        let mesh = surface(self.mask(level, block, id)?.view());
        if mesh.triangles.is_empty() {
            return Ok(None);
        }
        let factor = self.levels()[level].factor;
        let in_nm = |vertex: [f32; 3]| -> [f32; 3] {
            std::array::from_fn(|axis| {
                let voxels = f64::from(vertex[axis]) + block.start[axis] as f64;
                (voxels * factor[axis] * self.voxel_size_nm[axis]) as f32
            })
        };
        Ok(Some(bytes(&mesh, in_nm)))
    }

    /// Finds the box of an object, in voxels of the full level: in the table, or by searching a small level.
    fn extent(&self, id: u64) -> Result<Option<Roi>> {
        if let Some(TableState::Ready(table)) = self.measuring.as_ref().map(|measuring| measuring.state())
            && let Some(extent) = table.extent(id)
        {
            return Ok(Some(extent).filter(|extent| extent.is_within(self.volume().shape())));
        }
        for (number, level) in self.levels().iter().enumerate().rev() {
            let whole = Roi::whole(level.shape);
            if whole.voxels() > SEARCHED_VOXELS {
                break;
            }
            if let Some(found) = self.search(number, whole, id)? {
                let full = self.volume().shape();
                // A voxel of the small level may show a neighbour in its place.
                return Ok(Some(Roi::from(std::array::from_fn(|axis| {
                    let along = |place: usize| (place as f64 * level.factor[axis]) as usize;
                    let start = along(found.start[axis].saturating_sub(1));
                    start..along(found.end()[axis] + 1).min(full[axis])
                }))));
            }
        }
        Ok(None)
    }

    /// The box of the voxels of a number within a block.
    fn search(&self, level: usize, block: Roi, id: u64) -> Result<Option<Roi>> {
        let mask = self.mask(level, block, id)?;
        let places = mask.indexed_iter().filter(|(_, is_set)| **is_set).map(|((z, y, x), _)| [z, y, x]);
        let grown = places.fold(None, |known: Option<[[usize; 2]; 3]>, place| {
            let mut known = known.unwrap_or(place.map(|along| [along, along + 1]));
            for (range, along) in known.iter_mut().zip(place) {
                *range = [range[0].min(along), range[1].max(along + 1)];
            }
            Some(known)
        });
        Ok(grown.map(|ranges| Roi::from(ranges.map(|[start, end]| start..end))))
    }

    /// Where an object's voxels are in a block of a level.
    fn mask(&self, level: usize, block: Roi, id: u64) -> Result<ndarray::Array3<bool>> {
        let voxels = self.read(level, block)?;
        // Numbers of objects that are told apart in 64-bit floats: their table refuses larger ones.
        Ok(match_voxels!(&voxels, array => array.mapv(|value| value.to_f64() == id as f64)))
    }

    /// The finest level at which a box of the full level has few voxels, and the box there.
    fn level_of(&self, extent: Roi) -> (usize, Roi) {
        let at = |number: usize| {
            let level = &self.levels()[number];
            let end = extent.end();
            Roi::from(std::array::from_fn(|axis| {
                let start = (extent.start[axis] as f64 / level.factor[axis]).floor() as usize;
                let end = (end[axis] as f64 / level.factor[axis]).ceil() as usize;
                start.min(level.shape[axis] - 1)..end.clamp(1, level.shape[axis])
            }))
        };
        let last = self.levels().len() - 1;
        let fine = (0..last).find(|&number| at(number).voxels() as f64 <= MOST_VOXELS);
        let level = fine.unwrap_or(last);
        (level, at(level))
    }
}

fn bytes(mesh: &Mesh, in_nm: impl Fn([f32; 3]) -> [f32; 3]) -> Vec<u8> {
    // Vertices have numbers of 32 bits.
    let count = mesh.vertices.len() as u32;
    let vertices = mesh.vertices.iter().flat_map(|&vertex| {
        let [z, y, x] = in_nm(vertex);
        [x, y, z].map(f32::to_le_bytes)
    });
    let triangles = mesh.triangles.iter().flatten().map(|vertex| vertex.to_le_bytes());
    std::iter::once(count.to_le_bytes()).chain(vertices).chain(triangles).flatten().collect()
}
