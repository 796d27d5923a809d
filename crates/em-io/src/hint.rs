//! What a user can do about an error.

use crate::Error;
use crate::formats::foreign;
use std::io;
use std::path::Path;

impl Error {
    /// Says what to do about it, where a remedy is known: one sentence, no full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { similar, .. } => {
                similar.as_ref().map(|similar| format!("did you mean `{}`?", similar.display()))
            }
            Self::Io { source, path, .. } => io_hint(source.kind(), path),
            Self::InUse { .. } => Some("wait until it is done, or write to another path".into()),
            Self::UnknownFormat { hint, .. } => Some((*hint).into()),
            Self::Address { .. } => Some("download it, and name the file or folder".into()),
            Self::Remote { hint, .. } => hint.clone(),
            Self::Changed { .. } => {
                Some("wait until nothing writes to it any more, then start again".into())
            }
            Self::SeveralVolumes { path, names } => {
                let first = names.first().map_or("NAME", |name| name.trim_start_matches('/'));
                Some(format!(
                    "write the name of one behind the path, such as `{}`",
                    path.join(first).display()
                ))
            }
            Self::NotBuiltIn { feature: "hdf5", .. } => Some(
                "build the program with the feature `hdf5`, or convert the dataset to OME-Zarr or TIFF"
                    .into(),
            ),
            Self::NotBuiltIn { feature: "hdf5-write", .. } => Some(
                "build the program with the feature `hdf5-write` (needs libhdf5), or write OME-Zarr or TIFF"
                    .into(),
            ),
            Self::NotBuiltIn { feature, .. } => {
                Some(format!("build the program with `{feature}` among the features of em-io"))
            }
            Self::Truncated { .. } => {
                Some("the file is truncated or damaged: copy or download it again".into())
            }
            Self::Damaged { .. } => Some(
                "the file is damaged, or was written in an unusual way: try to open and save it in Fiji"
                    .into(),
            ),
            Self::DamagedChunk { .. } => {
                Some("the file is truncated or damaged: copy or download the whole folder again".into())
            }
            Self::Unsupported { .. } => {
                Some("convert it in Fiji: Image > Type > 8-bit, 16-bit or 32-bit, then save as TIFF".into())
            }
            Self::EmptyFolder { found, .. } if found == "nothing" => {
                Some("name a folder with one image per section, or a file".into())
            }
            Self::EmptyFolder { found, .. } => Some(
                foreign::hint_of_names(found)
                    .unwrap_or(
                        "save its images as PNG or TIFF, or name the file or folder that has them: Fiji's File > Import > \
                         Image Sequence reads most kinds",
                    )
                    .into(),
            ),
            Self::SeveralPages { path, .. } => {
                Some(format!("name one file, if each is a stack of its own: `{}`", path.display()))
            }
            Self::CannotInvert { .. } => Some("read the values as they are stored".into()),
            Self::Compression { .. } => Some(
                "save it without compression or with deflate: in Fiji File > Save As > Tiff, in Python \
                 tifffile.imwrite('new.tif', tifffile.imread('old.tif'), compression='zlib')"
                    .into(),
            ),
            Self::NotAStack { .. } => {
                Some("save one channel of one time point as a stack: Image > Duplicate in Fiji".into())
            }
            Self::SizeMismatch { .. } => {
                Some("every section must have the same size: crop or pad the odd ones".into())
            }
            Self::TypeMismatch { .. } => {
                Some("every section must have the same type: convert the odd ones".into())
            }
            Self::WrongVoxelType { .. } => {
                Some("read them in their own type, or change it where values may be rounded".into())
            }
            Self::OutOfMemory { .. } => Some("read fewer sections at a time".into()),
            Self::NotAMask { page, .. } => Some(format!(
                "write one label file per class, with 255 where the class is (page {page} is slice {} in Fiji)",
                page + 1
            )),
            Self::FolderNotEmpty { .. } => Some("choose another folder, or empty this one".into()),
            _ => None,
        }
    }
}

fn io_hint(kind: io::ErrorKind, path: &Path) -> Option<String> {
    let folder = path.parent().unwrap_or(path).display();
    match kind {
        io::ErrorKind::PermissionDenied => Some(format!("check the permissions of `{folder}`")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space, or write to another disk: nothing was left behind".into())
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("write to another disk".into()),
        io::ErrorKind::FileTooLarge => Some(
            "the disk takes no file of that size (FAT32 stops at 4 GB): write to another disk, nothing was left behind"
                .into(),
        ),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Some("a file has the name of a folder that is needed: choose another path".into())
        }
        _ => None,
    }
}
