//! Defects of electron microscopy in a tile: holes, bands, slips, sections that are lost or moved.

use em_data::{Defect, TileAugmentation};
use tch::{Kind, Tensor};

use crate::error::Computed;

/// Moves the rows below a line along x, where the tile has this defect.
pub(crate) fn slipped(tile: &Tensor, augmentation: &TileAugmentation) -> Computed<Tensor> {
    let Some(Defect::Slip { row, distance }) = augmentation.defect else {
        return Ok(tile.shallow_clone());
    };
    let height = tile.size()[tile.dim() - 2];
    let rows = voxels(row, height).min(height);
    let below = tile.f_narrow(-2, rows, height - rows)?.f_roll(voxels(distance, height), -1)?;
    Ok(Tensor::f_cat(&[tile.f_narrow(-2, 0, rows)?, below], -2)?)
}

/// Puts a defect into a tile `[section, y, x]`; one of a neighbouring section changes nothing where
/// there are none.
pub(crate) fn damaged(tile: &Tensor, defect: Defect) -> Computed<Tensor> {
    let (sections, height, width) = tile.size3()?;
    let damaged = tile.copy();
    match defect {
        Defect::Cutout { corner, size } => {
            let [y, x] = [voxels(corner[0], height - 1), voxels(corner[1], width - 1)];
            let h = voxels(size[0], height).clamp(1, height - y);
            let w = voxels(size[1], width).clamp(1, width - x);
            let mut hole = damaged.f_narrow(1, y, h)?.f_narrow(2, x, w)?;
            hole.f_copy_(&tile.f_mean(Kind::Float)?)?;
        }
        Defect::Band { rows, shift } => {
            let [first, last] = rows.map(|row| voxels(row, height - 1));
            let mut band = damaged.f_narrow(1, first, last - first + 1)?;
            let _ = band.f_add_scalar_(f64::from(shift))?;
        }
        Defect::Slip { .. } => {}
        Defect::MissingSection { section } => {
            if let Some(mut lost) = neighbour(&damaged, section, sections)? {
                lost.f_copy_(&tile.f_get(sections / 2)?)?;
            }
        }
        Defect::BlankSection { section } => {
            if let Some(mut blank) = neighbour(&damaged, section, sections)? {
                blank.f_copy_(&tile.f_mean(Kind::Float)?)?;
            }
        }
        Defect::MisalignedSection { section, distance } => {
            if let Some(mut moved) = neighbour(&damaged, section, sections)? {
                let shifts = [voxels(distance[0], height), voxels(distance[1], width)];
                let rolled = moved.f_roll(shifts, [0, 1])?;
                moved.f_copy_(&rolled)?;
            }
        }
    }
    Ok(damaged)
}

/// A view of the neighbour that `share`, 0 to 1, falls on; `None` without neighbours.
fn neighbour(tile: &Tensor, share: f32, sections: i64) -> Computed<Option<Tensor>> {
    let neighbours = sections - 1;
    if neighbours < 1 {
        return Ok(None);
    }
    let place = ((f64::from(share) * neighbours as f64) as i64).min(neighbours - 1);
    // The labelled section, in the middle, is none.
    let place = if place >= sections / 2 { place + 1 } else { place };
    Ok(Some(tile.f_get(place)?))
}

/// A share of an edge, in voxels.
fn voxels(share: f32, edge: i64) -> i64 {
    (f64::from(share) * edge as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::intensity::intensity;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    fn changed(tile: &Tensor, augmentation: TileAugmentation) -> Tensor {
        intensity(&slipped(tile, &augmentation).unwrap(), &augmentation).unwrap()
    }

    fn ramp(sections: i64, edge: i64) -> Tensor {
        Tensor::arange(sections * edge * edge, (Kind::Float, tch::Device::Cpu)).view([sections, edge, edge])
    }

    #[test]
    fn each_defect_changes_what_it_names() {
        let tile = ramp(3, 10);
        let with =
            |defect| changed(&tile, TileAugmentation { defect: Some(defect), ..TileAugmentation::IDENTITY });
        let differs = |a: &Tensor| {
            let changed = a.ne_tensor(&tile).to_kind(Kind::Float);
            (0..3).map(|z| changed.get(z).sum(Kind::Float).double_value(&[])).collect::<Vec<_>>()
        };
        let cutout = with(Defect::Cutout { corner: [0.0, 0.0], size: [0.2, 0.3] });
        assert_eq!(differs(&cutout), [6.0; 3]);
        let band = with(Defect::Band { rows: [0.0, 0.2], shift: 1.0 });
        assert_eq!(differs(&band), [30.0; 3]);
        assert_eq!(differs(&with(Defect::MissingSection { section: 0.0 })), [100.0, 0.0, 0.0]);
        assert_eq!(differs(&with(Defect::BlankSection { section: 0.9 })), [0.0, 0.0, 100.0]);
        let moved = with(Defect::MisalignedSection { section: 1.0, distance: [0.0, 0.1] });
        assert_eq!(
            values(&moved.get(2).get(0)),
            [209., 200., 201., 202., 203., 204., 205., 206., 207., 208.]
        );
        let slip = with(Defect::Slip { row: 0.5, distance: 0.1 });
        assert_eq!(differs(&slip), [50.0; 3]);
        assert_eq!(values(&slip.get(0).get(5))[..2], [59.0, 50.0]);
        let single = ramp(1, 10);
        let augmentation = TileAugmentation {
            defect: Some(Defect::BlankSection { section: 0.5 }),
            ..TileAugmentation::IDENTITY
        };
        assert_eq!(values(&changed(&single, augmentation)), values(&single));
    }
}
