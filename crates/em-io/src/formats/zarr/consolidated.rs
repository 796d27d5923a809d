//! What is in a group whose server lists nothing, from the metadata of all that it holds in one file.
//!
//! Zarr 2 has it in `.zmetadata`, Zarr 3 within `zarr.json`, where zarr-python was told to write it.

use super::{ZARR_JSON, ZARRAY, ZATTRS, ZGROUP, read_json};
use crate::error::{Error, Result};
use crate::storage;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The metadata of all that a group holds in version 2.
const ZMETADATA: &str = ".zmetadata";

/// What is known of one group or array within.
#[derive(Debug, Default)]
struct Member {
    /// The number of axes, where it is an array.
    axes: Option<usize>,
    is_image: bool,
}

/// Lists the images and arrays of two axes or more in a group, by their paths within it; nothing where
/// there is no group.
///
/// # Errors
///
/// [`Error::Remote`] where the group does not say what it holds.
pub(super) fn volumes(group: &Path) -> Result<Vec<String>> {
    let v3 = read_json(&group.join(ZARR_JSON))?;
    let members = match v3.as_ref().map(|json| &json["consolidated_metadata"]["metadata"]) {
        Some(Value::Object(members)) => {
            members.iter().map(|(name, json)| (name.clone(), of_v3(json))).collect()
        }
        _ => match read_json(&group.join(ZMETADATA))? {
            Some(json) => of_v2(&json),
            None if v3.is_none()
                && ![ZGROUP, ZATTRS].iter().any(|name| storage::is_file(&group.join(name))) =>
            {
                return Ok(Vec::new());
            }
            None => return Err(not_listed(group)),
        },
    };
    let is_within_image = |name: &str| {
        let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
        parents.into_iter().any(|parent| members.get(parent).is_some_and(|parent| parent.is_image))
    };
    let is_volume = |member: &Member| member.is_image || member.axes.is_some_and(|axes| axes >= 2);
    let volumes = members.iter().filter(|(name, member)| is_volume(member) && !is_within_image(name));
    Ok(volumes.map(|(name, _)| name.clone()).collect())
}

fn of_v3(json: &Value) -> Member {
    let attributes = &json["attributes"];
    let is_image = !attributes["ome"]["multiscales"].is_null() || !attributes["multiscales"].is_null();
    let axes = (json["node_type"] == "array").then(|| json["shape"].as_array().map_or(0, Vec::len));
    Member { axes, is_image }
}

fn of_v2(json: &Value) -> BTreeMap<String, Member> {
    let mut members: BTreeMap<String, Member> = BTreeMap::new();
    for (key, json) in json["metadata"].as_object().into_iter().flatten() {
        let Some((name, file)) = key.rsplit_once('/') else { continue };
        let member = members.entry(name.to_owned()).or_default();
        match file {
            ZARRAY => member.axes = Some(json["shape"].as_array().map_or(0, Vec::len)),
            ZATTRS => member.is_image = !json["multiscales"].is_null(),
            _ => {}
        }
    }
    members
}

fn not_listed(group: &Path) -> Error {
    let example = group.join("NAME");
    Error::Remote {
        action: "list",
        path: group.to_path_buf(),
        kind: ErrorKind::Unsupported,
        reason: "a web server does not tell what is in a group".into(),
        hint: Some(format!("write the name of an image or array behind it: `{}`", example.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(file: &str, json: &Value) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), json.to_string()).unwrap();
        volumes(folder.path()).unwrap()
    }

    #[test]
    fn images_and_arrays_are_listed_and_not_the_levels_of_images() {
        let array = |axes: usize| json!({"node_type": "array", "shape": vec![4; axes]});
        let image = json!({"node_type": "group", "attributes": {"ome": {"multiscales": []}}});
        let members = json!({"a": {"node_type": "group"}, "a/raw": array(3), "a/line": array(1),
            "em": image, "em/s0": array(3), "em/labels/mito": array(3)});
        assert_eq!(of(ZARR_JSON, &json!({"consolidated_metadata": {"metadata": members}})), ["a/raw", "em"]);
        let metadata = json!({".zgroup": {}, "a/.zgroup": {}, "a/raw/.zarray": {"shape": [4, 4]},
            "em/.zattrs": {"multiscales": []}, "em/0/.zarray": {"shape": [4, 4, 4]}});
        assert_eq!(of(ZMETADATA, &json!({"metadata": metadata})), ["a/raw", "em"]);
    }

    #[test]
    fn a_group_that_says_nothing_is_an_error_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(volumes(folder.path()).unwrap(), Vec::<String>::new());
        std::fs::write(folder.path().join(ZGROUP), "{}").unwrap();
        assert!(matches!(volumes(folder.path()), Err(Error::Remote { .. })));
    }
}
