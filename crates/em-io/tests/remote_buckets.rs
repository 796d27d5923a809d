//! Volumes in buckets, as of S3: read, listed and written, whole or not at all, as whoever the environment says.
//!
//! What is set in the environment counts for a whole process, so that each test here runs one more process, of
//! the test of the same name in `within`, with a server of its own.

#![cfg(all(feature = "remote", feature = "zarr", feature = "images"))]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

#[path = "common/server.rs"]
mod server;

use server::{Mood, Request, Server};
use std::fs;
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// The key of the tests, which nothing prints.
const SECRET: &str = "hunter2+hunter2/hunter2";

/// Runs a test of `within` with the bucket `data` of a server, and returns both.
#[track_caller]
fn run(name: &str, moods: impl Fn(&Request, usize) -> Mood + Send + Sync + 'static) -> (TempDir, Server) {
    run_as(name, moods, &[("AWS_ACCESS_KEY_ID", "AKIATEST"), ("AWS_SECRET_ACCESS_KEY", SECRET)])
}

#[track_caller]
fn run_as(
    name: &str,
    moods: impl Fn(&Request, usize) -> Mood + Send + Sync + 'static,
    environment: &[(&str, &str)],
) -> (TempDir, Server) {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let server = Server::start(folder.path(), moods);
    let test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("within::{name}"), "--ignored", "--nocapture"])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("AWS_")))
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", &server.url)
        .env("AWS_REGION", "eu-central-1")
        .env("GOOGLE_BASE_URL", &server.url)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&test.stdout), String::from_utf8_lossy(&test.stderr));
    assert!(test.status.success() && said.contains("1 passed"), "{name}: {said}");
    assert!(!said.contains(SECRET), "a secret is printed: {said}");
    (folder, server)
}

#[test]
fn images_and_labels_are_written_and_read() {
    let (folder, server) = run("images_and_labels_are_written_and_read", |_, _| Mood::Well);
    for version in ["4", "5"] {
        let root = folder.path().join(format!("data/of mine/v{version}.zarr"));
        let names: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().contains("part")), "{names:?}");
        // Other programs find the same.
        assert_eq!(em_io::open(&root).unwrap().shape(), [5, 40, 50]);
        assert_eq!(em_io::open(root.join("labels/mito")).unwrap().shape(), [5, 40, 50]);
    }
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.is_signed), "who has keys signs");
    let puts = requests.iter().filter(|request| request.method == "PUT" && request.path.contains("v5.zarr"));
    let puts: Vec<_> = puts.map(|request| request.path.rsplit_once("v5.zarr/").unwrap().1).collect();
    let at = |name: &str| puts.iter().position(|put| *put == name).unwrap();
    let chunks: Vec<_> = (0..puts.len()).filter(|&index| puts[index].starts_with("0/c/")).collect();
    assert!(!chunks.is_empty() && chunks.iter().all(|&chunk| chunk < at("zarr.json")), "{puts:?}");
    assert!(at("0/zarr.json") < at("zarr.json") && at("labels/mito/zarr.json") < at("labels/zarr.json"));
}

#[test]
fn a_shard_is_written_as_one_object() {
    let (folder, server) = run("a_shard_is_written_as_one_object", |_, _| Mood::Well);
    let puts = server.requests().into_iter().filter(|request| request.method == "PUT");
    let of_level = |level: &str| {
        let folder = format!("data/s.zarr/{level}/c/");
        puts.clone().filter(|request| request.path.starts_with(&folder)).count()
    };
    // [5, 40, 50] in shards of [4, 32, 64], and [5, 20, 25].
    assert_eq!([of_level("0"), of_level("1")], [4, 2]);
    assert_eq!(em_io::open(folder.path().join("data/s.zarr")).unwrap().shape(), [5, 40, 50]);
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let (folder, _) = run("a_write_that_fails_leaves_nothing", |request, _| {
        let is_chunk = request.method == "PUT" && request.path.contains("refused.zarr/0/c");
        if is_chunk { Mood::Refuses(403, "", "<Code>AccessDenied</Code>") } else { Mood::Well }
    });
    let mut left = Vec::new();
    for name in ["refused.zarr", "dropped.zarr", "image.zarr/labels/dropped"] {
        let folder = folder.path().join("data").join(name);
        left.extend(files(&folder));
    }
    assert_eq!(left, Vec::<String>::new());
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.path().is_dir() {
        true => files(&entry.path()),
        false => vec![entry.path().display().to_string()],
    };
    entries.flat_map(of).collect()
}

#[test]
fn a_place_that_is_taken_is_not_written_to() {
    run("a_place_that_is_taken_is_not_written_to", |_, _| Mood::Well);
}

#[test]
fn groups_and_folders_are_listed() {
    run("groups_and_folders_are_listed", |_, _| Mood::Well);
}

#[test]
fn without_keys_nothing_is_signed_and_no_service_is_asked() {
    let moods = |request: &Request, _| match request.path.as_str() {
        path if path.contains("closed") => Mood::Refuses(403, "", "<Error><Code>AccessDenied</Code></Error>"),
        path if path.starts_with("nobody") => {
            Mood::Refuses(404, "", "<Error><Code>NoSuchBucket</Code></Error>")
        }
        _ => Mood::Well,
    };
    let (_, server) = run_as("without_keys_nothing_is_signed_and_no_service_is_asked", moods, &[]);
    assert!(server.requests().len() > 3 && server.requests().iter().all(|request| !request.is_signed));
}

#[test]
fn keys_are_those_of_the_profile() {
    let home = tempdir().unwrap();
    let files = [
        ("credentials", format!("[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = {SECRET}\n")),
        ("config", "[profile sso]\nsso_session = lab\n".to_owned()),
    ];
    for (name, text) in &files {
        fs::write(home.path().join(name), text).unwrap();
    }
    let at = |name: &str| home.path().join(name).display().to_string();
    let (credentials, config) = (at("credentials"), at("config"));
    let environment =
        [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
    let with = |profile| [environment.as_slice(), &[("AWS_PROFILE", profile)]].concat();
    let (_, server) = run_as("keys_are_those_of_the_profile", |_, _| Mood::Well, &with("lab"));
    assert!(server.requests().iter().all(|request| request.is_signed));
    let (_, server) = run_as("a_profile_without_keys_is_refused", |_, _| Mood::Well, &with("sso"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn buckets_of_google_are_read_and_written() {
    let (_, server) = run_as("buckets_of_google_are_read_and_written", |_, _| Mood::Well, &[]);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.method != "GET" || !request.is_signed));
}

/// What runs in a process of its own.
mod within {
    use em_io::{
        Error, OmeZarrVersion, RemoteOptions, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions,
        place,
    };
    use ndarray::Array3;

    const SHAPE: [usize; 3] = [5, 40, 50];
    const SPEC: VolumeSpec =
        VolumeSpec { shape: SHAPE, voxel_type: VoxelType::U8, voxel_size_nm: Some([30.0, 5.0, 5.0]) };

    fn voxels() -> Voxels {
        Array3::from_shape_fn((5, 40, 50), |(z, y, x)| (z * 50 + y * 3 + x) as u8).into()
    }

    fn options(version: OmeZarrVersion) -> WriteOptions {
        let mut options = WriteOptions::default();
        (options.version, options.chunk) = (version, [2, 16, 16]);
        options
    }

    fn write(address: &str, version: OmeZarrVersion) -> Result<(), Error> {
        let mut writer = VolumeWriter::with_options(address, SPEC, options(version))?;
        writer.write(&voxels())?;
        writer.finish()
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn images_and_labels_are_written_and_read() {
        for (version, name) in [(OmeZarrVersion::V0_4, "v4"), (OmeZarrVersion::V0_5, "v5")] {
            let address = format!("s3://data/of mine/{name}.zarr");
            let mut writer = VolumeWriter::with_options(&address, SPEC, options(version)).unwrap();
            writer.write(&voxels()).unwrap();
            assert!(em_io::open(&address).is_err(), "it is no image before it is whole");
            writer.finish().unwrap();
            let volume = em_io::open(&address).unwrap();
            assert_eq!(volume.voxel_size_nm(), SPEC.voxel_size_nm);
            assert_eq!(volume.read_all().unwrap(), voxels());
            for label in ["mito", "er"] {
                em_io::write_volume(format!("{address}/labels/{label}"), &voxels(), None).unwrap();
                let label = em_io::open(format!("{address}/labels/{label}")).unwrap();
                assert_eq!(label.read_all().unwrap(), voxels());
                assert_eq!(label.voxel_size_nm(), SPEC.voxel_size_nm);
            }
        }
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn a_shard_is_written_as_one_object() {
        let mut options = options(OmeZarrVersion::V0_5);
        options.shard = Some([4, 32, 64]);
        let mut writer = VolumeWriter::with_options("s3://data/s.zarr", SPEC, options).unwrap();
        writer.write(&voxels()).unwrap();
        assert!(em_io::open("s3://data/s.zarr").is_err(), "it is no image before it is whole");
        writer.finish().unwrap();
        assert_eq!(em_io::open("s3://data/s.zarr").unwrap().read_all().unwrap(), voxels());
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn a_write_that_fails_leaves_nothing() {
        em_io::set_remote_options(RemoteOptions { retries: 1, ..RemoteOptions::default() });
        let error = write("s3://data/refused.zarr", OmeZarrVersion::V0_5).unwrap_err();
        assert!(error.to_string().starts_with("cannot write `s3://data/refused.zarr/0/c/"), "{error}");
        assert!(error.to_string().contains("status 403"), "{error}");
        let dropped = |address: &str| {
            let mut writer = VolumeWriter::create(address, SPEC).unwrap();
            writer.write(&voxels()).unwrap();
            drop(writer);
        };
        dropped("s3://data/dropped.zarr");
        write("s3://data/image.zarr", OmeZarrVersion::V0_4).unwrap();
        dropped("s3://data/image.zarr/labels/dropped");
        assert_eq!(em_io::open("s3://data/image.zarr").unwrap().read_all().unwrap(), voxels());
        assert!(em_io::open("s3://data/dropped.zarr").is_err());
        dropped("s3://data/dropped.zarr");
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn a_place_that_is_taken_is_not_written_to() {
        write("s3://data/a.zarr", OmeZarrVersion::V0_5).unwrap();
        let error = write("s3://data/a.zarr", OmeZarrVersion::V0_4).unwrap_err();
        assert!(matches!(error, Error::FolderNotEmpty { .. }), "{error}");
        let error = write("s3://data/a.zarr/0/c/b.zarr", OmeZarrVersion::V0_4);
        assert!(error.is_ok(), "an empty place within is free: {error:?}");
        let at = std::path::Path::new;
        assert!(place::exists(at("s3://data/a.zarr")).unwrap());
        assert!(!place::exists(at("s3://data/none.zarr")).unwrap());
        assert!(place::bytes(at("s3://data/a.zarr")).unwrap() > 1000);
        let [one, other] = ["s3://data/a.zarr", "s3://data/a.zarr/0/c/b.zarr"];
        let version = |address| place::version(at(address)).unwrap();
        assert!(version(one) == version(one) && version(one) != version(other));
        // Two that write to the same place: the second to finish is told.
        let mut first = VolumeWriter::create("s3://data/race.zarr", SPEC).unwrap();
        first.write(&voxels()).unwrap();
        let error = VolumeWriter::create("s3://data/race.zarr", SPEC).err().unwrap();
        assert!(matches!(error, Error::FolderNotEmpty { .. }), "{error}");
        // A kill leaves what is being written, and its marker.
        std::mem::forget(first);
        assert!(VolumeWriter::create("s3://data/race.zarr", SPEC).is_err());
        em_io::remove_unfinished_of("s3://data/race.zarr".as_ref()).unwrap();
        write("s3://data/race.zarr", OmeZarrVersion::V0_5).unwrap();
        em_io::remove_unfinished_of("s3://data/race.zarr".as_ref()).unwrap();
        assert_eq!(em_io::open("s3://data/race.zarr").unwrap().read_all().unwrap(), voxels());
        // One that was taken for killed is told at its end, and takes nothing of the other's away.
        let mut slow = VolumeWriter::create("s3://data/slow.zarr", SPEC).unwrap();
        slow.write(&voxels()).unwrap();
        em_io::remove_unfinished_of("s3://data/slow.zarr".as_ref()).unwrap();
        let mut other = VolumeWriter::create("s3://data/slow.zarr", SPEC).unwrap();
        assert!(matches!(slow.finish(), Err(Error::Changed { .. })));
        other.write(&voxels()).unwrap();
        other.finish().unwrap();
        assert_eq!(em_io::open("s3://data/slow.zarr").unwrap().read_all().unwrap(), voxels());
        // Volumes in chunks of other formats have versions, too.
        em_io::write_volume("s3://data/a.precomputed", &voxels(), None).unwrap();
        assert_eq!(em_io::open("s3://data/a.precomputed").unwrap().read_all().unwrap(), voxels());
        assert!(version("s3://data/a.precomputed").contains("bytes") && version("s3://data/none") == "none");
        let error = em_io::write_volume("s3://data/a.tif", &voxels(), None).unwrap_err();
        assert!(matches!(error, Error::CannotWrite { .. }), "{error}");
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn groups_and_folders_are_listed() {
        write("s3://data/group/em.zarr", OmeZarrVersion::V0_5).unwrap();
        write("s3://data/group/mito.zarr", OmeZarrVersion::V0_5).unwrap();
        let folder = tempfile::tempdir().unwrap();
        em_io::write_volume(folder.path().join("a"), &voxels(), None).unwrap();
        // The bucket is a folder beside the home of this process.
        let home = std::path::PathBuf::from(std::env::var_os("HOME").unwrap());
        std::fs::create_dir_all(home.join("data/sections")).unwrap();
        for entry in std::fs::read_dir(folder.path().join("a")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, home.join("data/sections").join(path.file_name().unwrap())).unwrap();
        }
        let sections = em_io::open("s3://data/sections").unwrap();
        assert_eq!(sections.format(), "image folder");
        assert_eq!(sections.read_all().unwrap(), voxels());
        std::fs::write(home.join("data/group/zarr.json"), r#"{"zarr_format": 3, "node_type": "group"}"#)
            .unwrap();
        let error = em_io::open("s3://data/group").unwrap_err();
        let names = ["em.zarr", "mito.zarr"].map(str::to_owned).to_vec();
        assert!(matches!(&error, Error::SeveralVolumes { names: found, .. } if *found == names), "{error}");
        assert!(matches!(em_io::open("s3://data/none"), Err(Error::NotFound { .. })));
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn without_keys_nothing_is_signed_and_no_service_is_asked() {
        let start = std::time::Instant::now();
        write("s3://data/a.zarr", OmeZarrVersion::V0_5).unwrap();
        assert_eq!(em_io::open("s3://data/a.zarr").unwrap().read_all().unwrap(), voxels());
        let error = em_io::open("s3://data/closed.tif").unwrap_err();
        assert!(error.hint().unwrap().contains("AWS_PROFILE"), "{error}");
        let error = em_io::open("s3://nobody/a.tif").unwrap_err();
        assert!(error.to_string().contains("there is no bucket `nobody`"), "{error}");
        assert!(start.elapsed().as_secs() < 20, "no service is waited for");
    }

    #[test]
    #[ignore = "run by `keys_are_those_of_the_profile`"]
    fn a_profile_without_keys_is_refused() {
        let error = em_io::open("s3://data/a.zarr").unwrap_err();
        assert!(error.to_string().contains("the profile `sso` gets its keys by `sso_session`"), "{error}");
        assert!(error.hint().unwrap().contains("export-credentials"));
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn keys_are_those_of_the_profile() {
        write("s3://data/a.zarr", OmeZarrVersion::V0_5).unwrap();
        assert_eq!(em_io::open("s3://data/a.zarr").unwrap().read_all().unwrap(), voxels());
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn buckets_of_google_are_read_and_written() {
        let home = std::path::PathBuf::from(std::env::var_os("HOME").unwrap());
        em_io::write_volume(home.join("data/a.zarr"), &voxels(), None).unwrap();
        em_io::write_volume(home.join("data/a.tif"), &voxels(), None).unwrap();
        write("gs://data/b/b.zarr", OmeZarrVersion::V0_5).unwrap();
        for name in ["a.zarr", "a.tif", "b/b.zarr"] {
            assert_eq!(em_io::open(format!("gs://data/{name}")).unwrap().read_all().unwrap(), voxels());
        }
    }
}
