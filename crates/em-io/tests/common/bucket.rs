//! What a store of buckets does beyond a web server: it lists, takes and removes objects, as S3 does. The
//! objects are files, `BUCKET/KEY`.

use super::Request;
use std::fs;
use std::path::Path;

/// Answers what only a store of buckets answers: a status and a text; `None` for all else.
pub fn answer(root: &Path, request: &Request) -> Option<(u16, String)> {
    let file = root.join(&request.path);
    match request.method.as_str() {
        "GET" if request.query.contains("list-type=2") => Some((200, list(root, request))),
        "PUT" => {
            fs::create_dir_all(file.parent()?).ok()?;
            // A half-written object is never seen, not even by a request at the same time.
            let name = file.file_name()?.to_string_lossy().into_owned();
            let half = file.with_file_name(format!("{name}.half"));
            fs::write(&half, &request.body).ok()?;
            fs::rename(&half, &file).ok()?;
            Some((200, String::new()))
        }
        "DELETE" => {
            // Removing what is not there is fine.
            let _ = fs::remove_file(&file);
            Some((204, String::new()))
        }
        "POST" if request.query.starts_with("delete") => {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let keys: Vec<_> =
                body.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")).collect();
            for (key, _) in &keys {
                let _ = fs::remove_file(file.join(key));
            }
            let deleted = keys.iter().map(|(key, _)| format!("<Deleted><Key>{key}</Key></Deleted>"));
            Some((200, format!("<DeleteResult>{}</DeleteResult>", deleted.collect::<String>())))
        }
        _ => None,
    }
}

fn list(root: &Path, request: &Request) -> String {
    let value = |key: &str| {
        let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
        let found =
            pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value.replace("%2F", "/"));
        found.unwrap_or_default()
    };
    let (prefix, is_flat) = (value("prefix"), value("delimiter").is_empty());
    let mut keys = Vec::new();
    walk(&root.join(request.path.trim_end_matches('/')), "", &mut keys);
    keys.retain(|(key, _)| key.starts_with(&prefix));
    let (mut objects, mut folders) = (String::new(), std::collections::BTreeSet::new());
    for (key, bytes) in keys {
        match key[prefix.len()..].split_once('/') {
            Some((folder, _)) if !is_flat => {
                folders.insert(format!("{prefix}{folder}/"));
            }
            _ => objects.push_str(&format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
                 <ETag>\"1\"</ETag><Size>{bytes}</Size></Contents>"
            )),
        }
    }
    let folders = folders.iter().map(|at| format!("<CommonPrefixes><Prefix>{at}</Prefix></CommonPrefixes>"));
    format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{objects}{}</ListBucketResult>",
        folders.collect::<String>()
    )
}

fn walk(folder: &Path, prefix: &str, keys: &mut Vec<(String, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{key}/"), keys);
        } else if !key.ends_with(".half") {
            keys.push((key, entry.metadata().map_or(0, |found| found.len())));
        }
    }
}
