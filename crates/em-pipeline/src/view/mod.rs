//! A volume and what was found in it, to be looked at: layers in levels, tables and surfaces of objects.
//!
//! | file | owns |
//! |---|---|
//! | `view/mod.rs` | what is to be seen, and opening it |
//! | `view/results.rs` | the layers that a folder of results holds |
//! | `view/kind.rs` | what a layer is, as its values tell |
//! | `view/layer.rs` | how a layer's voxels are shown, and chunks of them |
//! | `view/pyramid.rs`, `view/bricks.rs` | levels, made of the file when somebody looks, and kept for a while |
//! | `view/object_table.rs`, `view/measuring.rs` | the table of the objects: read, and measured in the background |
//! | `view/correcting.rs` | edits of the objects of a layer |
//! | `view/object_mesh.rs` | the surface of one object |
//!
//! It knows no HTTP: `em-serve` does. Neuroglancer's packing of labels is that of `em_io::precomputed`.

mod bricks;
mod correcting;
mod kind;
mod layer;
mod measuring;
mod object_mesh;
mod object_table;
mod pyramid;
mod results;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use em_io::{OpenOptions, Volume};

use self::bricks::Bricks;
pub use self::correcting::Edited;
pub use self::kind::Kind;
use self::layer::LayerFile;
pub use self::layer::{Layer, ServedType};
pub use self::measuring::{Measuring, TableState};
pub use self::object_table::ObjectTable;
pub use self::pyramid::Level;
use crate::error::{Result, UserError};
use crate::{Observer, display, open_with, voxel_size};

/// The most bytes of voxels that are kept, beside those that are being read.
const KEPT_BYTES: usize = 256 << 20;

/// A file that lies over the image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OverlayFile {
    /// What it is called.
    pub name: String,
    /// A volume, or a folder of results.
    pub path: PathBuf,
    /// What it is; its values tell if absent.
    pub kind: Option<Kind>,
}

impl OverlayFile {
    /// Names a file.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, kind: Option<Kind>) -> Self {
        Self { name: name.into(), path: path.into(), kind }
    }
}

/// What is to be seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ViewRequest {
    /// The image.
    pub volume: PathBuf,
    /// Which stack of its file, and how its values are taken.
    pub reading: OpenOptions,
    /// What lies over it.
    pub overlays: Vec<OverlayFile>,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the files do not tell them or tell them wrong.
    pub voxel_size_nm: Option<[f64; 3]>,
}

impl ViewRequest {
    /// Asks for an image alone.
    pub fn new(volume: impl Into<PathBuf>) -> Self {
        Self {
            volume: volume.into(),
            reading: OpenOptions::default(),
            overlays: Vec::new(),
            voxel_size_nm: None,
        }
    }
}

/// A volume with its layers, of which the first is the image.
#[derive(Debug)]
pub struct View {
    /// The name of the image's file.
    pub name: String,
    /// The number of voxels along `[z, y, x]`.
    pub shape: [usize; 3],
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where they are known.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// All of one shape.
    pub layers: Vec<Arc<Layer>>,
}

impl View {
    /// Opens all files, and looks at a few sections of each.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be read, is of another shape or voxel size than the image, or holds values that are
    /// neither a mask, nor objects, nor probabilities; and with [`Error::Stopped`](crate::Error::Stopped).
    pub fn open(request: &ViewRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let image = open_with(&request.volume, request.reading, observer)?;
        let shape = image.shape();
        let mut overlays = Vec::new();
        for file in &request.overlays {
            for file in results::within(file)? {
                let volume = crate::open(&file.path, observer)?;
                check_shape(&file.path, volume.shape(), &request.volume, shape)?;
                overlays.push((file, volume));
            }
        }
        let files = overlays.iter().map(|(file, volume)| (file.path.as_path(), volume));
        let all = std::iter::once((request.volume.as_path(), &image)).chain(files);
        let voxel_size_nm = voxel_size::agreed(all, request.voxel_size_nm, observer)?;
        let bricks = Arc::new(Bricks::new(KEPT_BYTES));
        let mut layers = vec![Layer::new(
            0,
            LayerFile {
                name: addressable(&stem(&request.volume)),
                path: request.volume.clone(),
                reading: request.reading,
                volume: image,
                kind: Kind::Image,
                voxel_size_nm,
                probabilities: None,
            },
            &bricks,
        )?];
        let overlays = overlays.into_iter().map(|(file, volume)| overlay(file, volume, voxel_size_nm));
        let mut overlays = overlays.collect::<Result<Vec<_>>>()?;
        give_probabilities(&mut overlays);
        for (number, file) in (1..).zip(overlays) {
            layers.push(Layer::new(number, file, &bricks)?);
        }
        check_names(&layers)?;
        let name = request.volume.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, shape, voxel_size_nm, layers: layers.into_iter().map(Arc::new).collect() })
    }

    /// Returns a layer by its name.
    pub fn layer(&self, name: &str) -> Option<&Arc<Layer>> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// Ends what is measured in the background, and waits for that.
    pub fn stop(&self) {
        self.layers.iter().filter_map(|layer| layer.measuring.as_ref()).for_each(Measuring::stop);
    }
}

fn overlay(file: OverlayFile, volume: Volume, voxel_size_nm: Option<[f64; 3]>) -> Result<LayerFile> {
    let kind = match file.kind {
        Some(kind) => kind,
        None => kind::guess(&volume, &file.name, &file.path)?,
    };
    let (name, reading) = (addressable(&file.name), OpenOptions::default());
    Ok(LayerFile { name, path: file.path, reading, volume, kind, voxel_size_nm, probabilities: None })
}

/// Gives objects the probabilities of their class: those of the same ending, as `labels_a` and
/// `probabilities_a`, or the only ones; else those by which they were measured.
fn give_probabilities(files: &mut [LayerFile]) {
    let of_kind = |file: &&LayerFile| file.kind == Kind::Probabilities;
    let all: Vec<(String, PathBuf)> =
        files.iter().filter(of_kind).map(|file| (ending(&file.name).to_owned(), file.path.clone())).collect();
    for file in files.iter_mut().filter(|file| file.kind == Kind::Objects) {
        let alike = all.iter().find(|(of, _)| of == ending(&file.name));
        let only = all.first().filter(|_| all.len() == 1);
        let shown = alike.or(only).map(|(_, path)| path.clone());
        file.probabilities = shown.or_else(|| results::probabilities_of(&file.path, ending(&file.name)));
    }
}

/// The class in a name such as `labels_a`, or the name itself.
fn ending(name: &str) -> &str {
    name.split_once('_').map_or(name, |(_, class)| class)
}

fn check_shape(path: &Path, found: [usize; 3], image: &Path, expected: [usize; 3]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let [found, expected] = [found, expected].map(display::shape);
    let (path, image) = (path.display(), image.display());
    let message = format!("`{path}` is {found} voxels, and the image `{image}` is {expected} [z, y, x]");
    Err(UserError::new(message, "give the image that it was made of; `em-cli inspect` shows shapes").into())
}

fn check_names(layers: &[Layer]) -> Result<()> {
    let is_twice =
        |(place, layer): &(usize, &Layer)| layers[..*place].iter().any(|other| other.name == layer.name);
    match layers.iter().enumerate().find(is_twice) {
        None => Ok(()),
        Some((_, layer)) => {
            let message = format!("two layers are called `{}`", layer.name);
            Err(UserError::new(message, format!("name one, as in NAME={}", layer.path.display())).into())
        }
    }
}

/// The name of a file or folder up to its first full stop.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').find(|part| !part.is_empty()).unwrap_or("image").to_owned()
}

/// A name as it stands in addresses, which is shown, too.
fn addressable(name: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    name.chars().map(plain).collect()
}
