//! Writes an image, or a label into an image that is there already.
//!
//! Either appears whole: what makes the folder an image comes last (`storage::NewFolder`). A label
//! is entered into the image's list of labels after that, so the list never names a missing one.

use super::group::{self, Node};
use super::layout::{self, JsonFile};
use super::level::{Arrays, write_new_object};
use super::shards::{ChunkGrid, check_shard};
use super::{
    Content, LABELS, OmeZarrVersion, WriteOptions, ZARR_JSON, ZATTRS, ZGROUP, image_of_label, metadata,
    read_json,
};
use crate::error::{Error, Result};
use crate::formats::pyramid::{self, Pyramid, check_options};
use crate::formats::sink::{Sink, cannot_write};
use crate::sample::{Voxel, match_voxel_type};
use crate::storage::{self, NewFolder};
use crate::{OpenOptions, VolumeSpec, VoxelType, Voxels};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Starts an image or a label.
pub(crate) fn create(path: &Path, mut spec: VolumeSpec, mut options: WriteOptions) -> Result<Box<dyn Sink>> {
    let label = image_of_label(path).map(|image| Label::new(path, image)).transpose()?;
    if let Some(label) = &label {
        label.check(path, spec)?;
        // A label lies on its image, level by level (OME-NGFF 0.5, section "labels").
        spec.voxel_size_nm = label.voxel_size_nm.or(spec.voxel_size_nm);
        options.version = label.version;
        options.levels = Some(label.levels);
    }
    check_options(path, spec, options)?;
    check_shard(path, spec, options)?;
    match_voxel_type!(spec.voxel_type, T => start::<T>(path, spec, options, label))
}

fn start<T: Voxel>(
    path: &Path,
    spec: VolumeSpec,
    options: WriteOptions,
    label: Option<Label>,
) -> Result<Box<dyn Sink>> {
    let VolumeSpec { shape, voxel_type, voxel_size_nm } = spec;
    let WriteOptions { version, chunk, levels, content, .. } = options;
    let content = content.unwrap_or(if label.is_some() { Content::Label } else { Content::Intensity });
    let levels = pyramid::levels(shape, voxel_size_nm, chunk, levels);

    let folder = NewFolder::create(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let image = layout::image(version, &name, &levels, voxel_size_nm, label.is_some());
    for (index, level) in levels.iter().enumerate() {
        let (name, json) =
            layout::array(version, level.shape, ChunkGrid::new(options, level.shape), voxel_type);
        let file = folder.root().join(index.to_string()).join(name);
        storage::write_new(&file, pretty(&json)).map_err(Error::io("write", &file))?;
    }
    let arrays = Arrays::new(folder.root(), options, &levels, write_new_object);
    let pyramid = Pyramid::<T, _>::new(&levels, chunk, content, arrays);
    Ok(Box::new(ZarrSink { folder, image, pyramid, label }))
}

pub(super) fn pretty(json: &Value) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

struct ZarrSink<T> {
    folder: NewFolder,
    /// The metadata that makes the folder an image, which is written last.
    image: Vec<JsonFile>,
    pyramid: Pyramid<T, Arrays>,
    label: Option<Label>,
}

impl<T: Voxel> Sink for ZarrSink<T> {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        let sections = T::view(sections).expect("the writer has checked the type");
        self.pyramid.push(sections)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let last: Vec<_> = self.image.iter().map(|(name, json)| (*name, pretty(json))).collect();
        self.folder.finish(&last)?;
        self.label.map_or(Ok(()), |label| label.enter())
    }
}

/// A label's place in an image.
struct Label {
    image: PathBuf,
    name: String,
    version: OmeZarrVersion,
    /// The shape, the voxel size and the number of levels of the image.
    shape: [usize; 3],
    voxel_size_nm: Option<[f64; 3]>,
    levels: usize,
}

impl Label {
    fn new(path: &Path, image: &Path) -> Result<Self> {
        let without = || {
            let expected = format!("an OME-Zarr image at `{}`, written before", image.display());
            cannot_write(path, "a label without an image".into(), expected)
        };
        let version = match [ZARR_JSON, ZATTRS].map(|file| storage::is_file(&image.join(file))) {
            [true, _] => OmeZarrVersion::V0_5,
            [false, true] => OmeZarrVersion::V0_4,
            [false, false] => return Err(without()),
        };
        let name = path.file_name().and_then(OsStr::to_str).filter(|name| !name.starts_with('.'));
        let Some(name) = name.map(str::to_owned) else {
            let expected = "a name in Unicode without a leading dot";
            return Err(cannot_write(path, "a label of that name".into(), expected));
        };
        let Node::Image(group) = group::node(image)? else { return Err(without()) };
        let levels = group.levels;
        let volume = super::open(image, OpenOptions::default())?;
        let (shape, voxel_size_nm) = (volume.shape(), volume.voxel_size_nm());
        Ok(Self { image: image.to_path_buf(), name, version, shape, voxel_size_nm, levels })
    }

    /// Checks that a label fits its image.
    fn check(&self, path: &Path, spec: VolumeSpec) -> Result<()> {
        if spec.voxel_type == VoxelType::F32 {
            return Err(cannot_write(path, format!("a label of {} voxels", spec.voxel_type), "integers"));
        }
        if self.shape != spec.shape {
            let expected = format!("{:?}, as the image has", self.shape);
            return Err(cannot_write(path, format!("a label of {:?} voxels", spec.shape), expected));
        }
        // A list that cannot be read is better found now than after the work.
        self.list().map(|_| ())
    }

    /// Returns the metadata that lists the image's labels, with this one added.
    fn list(&self) -> Result<(PathBuf, Value)> {
        let group = self.image.join(LABELS);
        let file = group.join(match self.version {
            OmeZarrVersion::V0_4 => ZATTRS,
            OmeZarrVersion::V0_5 => ZARR_JSON,
        });
        let mut json = match read_json(&file)? {
            Some(json) => json,
            None => {
                let files = layout::group(self.version, json!({"labels": []}));
                files.into_iter().find(|(name, _)| file.ends_with(name)).map_or(json!({}), |(_, json)| json)
            }
        };
        let pointer = match self.version {
            OmeZarrVersion::V0_4 => "/labels",
            OmeZarrVersion::V0_5 => "/attributes/ome/labels",
        };
        let Some(labels) = json.pointer_mut(pointer).and_then(|labels| labels.as_array_mut()) else {
            return Err(metadata(&file, "no list of labels", format!("a list at `{pointer}`")));
        };
        if !labels.iter().any(|label| *label == self.name) {
            labels.push(self.name.as_str().into());
        }
        Ok((file, json))
    }

    /// Adds the label to the list of the image's labels, keeping what else is said there.
    fn enter(&self) -> Result<()> {
        let (file, json) = self.list()?;
        let marker = self.image.join(LABELS).join(ZGROUP);
        if self.version == OmeZarrVersion::V0_4 && !storage::is_file(&marker) {
            storage::write(&marker, &pretty(&json!({"zarr_format": 2})))?;
        }
        storage::write(&file, &pretty(&json))
    }
}
