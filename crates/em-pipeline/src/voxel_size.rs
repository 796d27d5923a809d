//! The one size that the voxels of several files have, and sizes that look like a mistake.

use std::path::Path;

use em_io::{Volume, VoxelSize};

use crate::Observer;
use crate::error::{Result, UserError};

/// Sizes that differ by more are not rounded differently, but other sizes: microscopes are calibrated
/// to a per cent.
pub const TOLERANCE: f64 = 0.01;

/// Returns the voxel size of volumes that cover one place: `given`, else the one that the files tell.
///
/// A file that tells none has that of the others, which is said.
///
/// # Errors
///
/// Fails if files disagree by over 1 % and none is given; and with
/// [`Error::Stopped`](crate::Error::Stopped).
pub fn agreed<'a>(
    volumes: impl IntoIterator<Item = (&'a Path, &'a Volume)>,
    given: Option<[f64; 3]>,
    observer: &mut Observer<'_>,
) -> Result<Option<[f64; 3]>> {
    if let Some(given) = given {
        warn_of_doubt("--voxel-size", given, observer)?;
        return Ok(Some(given));
    }
    let volumes: Vec<(&Path, &Volume)> = volumes.into_iter().collect();
    let Some((other, size)) = common(volumes.iter().copied(), "--voxel-size Z,Y,X")? else { return Ok(None) };
    for (path, _) in volumes.iter().filter(|(_, volume)| volume.voxel_size().is_none()) {
        let (path, other) = (path.display(), other.display());
        observer.note(&format!("`{path}` tells no voxel size; that of `{other}` is taken, {size}"))?;
    }
    Ok(Some(size.nm()))
}

/// Returns the voxel size that files tell, with the first that does.
///
/// # Errors
///
/// Fails if files disagree by over 1 %; the hint names the `setting` that decides.
pub fn common<'a>(
    volumes: impl IntoIterator<Item = (&'a Path, &'a Volume)>,
    setting: &str,
) -> Result<Option<(&'a Path, VoxelSize)>> {
    let mut first: Option<(&Path, VoxelSize)> = None;
    for (path, volume) in volumes {
        let Some(size) = volume.voxel_size() else { continue };
        let (other, known) = *first.get_or_insert((path, size));
        if !known.differs_by_at_most(TOLERANCE, size) {
            let (path, other) = (path.display(), other.display());
            let message = format!("`{path}` has voxels of {size}, and `{other}` of {known} [z, y, x]");
            return Err(UserError::new(message, format!("give the size that is right with {setting}")).into());
        }
    }
    Ok(first)
}

/// Warns of a size, by its name, that somebody typed and that looks like another order of its numbers.
///
/// # Errors
///
/// [`Error::Stopped`](crate::Error::Stopped).
pub fn warn_of_doubt(name: &str, nm: [f64; 3], observer: &mut Observer<'_>) -> Result<()> {
    doubt(nm).map_or(Ok(()), |doubt| observer.warn(&format!("{name}: {doubt}")))
}

/// Says why a size in nm, `[z, y, x]`, is probably not meant; `None` for what microscopes make.
///
/// Sections are cut, or milled, no thinner than a pixel is wide, and pixels are square.
pub fn doubt(nm: [f64; 3]) -> Option<String> {
    let [z, y, x] = nm;
    let says =
        |what: &str| format!("{z},{y},{x} nm {what}: the order is z,y,x, the thickness of sections first");
    let nearly = 1.0 + TOLERANCE;
    if z * nearly < y.min(x) {
        Some(says("makes sections thinner than a pixel is wide"))
    } else if y.max(x) > y.min(x) * nearly {
        Some(says("makes pixels that are not square"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use em_io::Voxels;
    use ndarray::Array3;
    use std::ops::ControlFlow;

    fn volume(nm: Option<[f64; 3]>) -> Volume {
        Volume::from_voxels(Voxels::from(Array3::<u8>::zeros((1, 1, 1))), nm)
    }

    /// The size that is agreed on, or the error, and what was told on the way.
    fn agreed_of(
        sizes: &[Option<[f64; 3]>],
        given: Option<[f64; 3]>,
    ) -> (Result<Option<[f64; 3]>>, Vec<String>) {
        let volumes: Vec<(String, Volume)> =
            (0..).zip(sizes).map(|(n, nm)| (format!("{n}.tif"), volume(*nm))).collect();
        let mut heard = Vec::new();
        let mut hear = |event: Event<'_>| {
            if let Event::Note(text) | Event::Warning(text) = event {
                heard.push(text.to_owned());
            }
            ControlFlow::Continue(())
        };
        let files = volumes.iter().map(|(name, volume)| (Path::new(name), volume));
        let result = agreed(files, given, &mut Observer::new(&mut hear));
        (result, heard)
    }

    #[test]
    fn files_agree_but_for_rounding_or_one_size_is_given() {
        let [thick, rounded, other] = [[40.0, 4.0, 4.0], [40.2, 4.0, 3.99], [40.0, 4.0, 8.0]].map(Some);
        assert_eq!(agreed_of(&[thick, rounded], None).0.unwrap(), thick);
        let message = agreed_of(&[thick, other], None).0.unwrap_err().to_string();
        assert!(message.starts_with("`1.tif` has voxels of") && message.contains("`0.tif` of"), "{message}");
        assert_eq!(agreed_of(&[thick, other], rounded).0.unwrap(), rounded);
        assert_eq!(agreed_of(&[None, None], None).0.unwrap(), None);
        let (size, told) = agreed_of(&[None, thick], None);
        assert_eq!(size.unwrap(), thick);
        assert!(told[0].starts_with("`0.tif` tells no voxel size"), "{told:?}");
    }

    #[test]
    fn sizes_in_another_order_are_doubted() {
        for fine in [[50.0, 4.6, 4.6], [5.0; 3], [4.99, 5.0, 5.0]] {
            assert_eq!(doubt(fine), None, "{fine:?}");
        }
        assert!(doubt([4.6, 4.6, 50.0]).unwrap().contains("pixels that are not square"));
        assert!(doubt([4.0, 8.0, 8.0]).unwrap().contains("thinner than a pixel is wide"));
        let told = agreed_of(&[], Some([4.6, 4.6, 50.0])).1;
        assert!(told[0].starts_with("--voxel-size: 4.6,4.6,50 nm"), "{told:?}");
    }
}
