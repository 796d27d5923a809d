//! Servers that refuse, break off, wait, lie or change: what is read is right, or it is an error that says why.

#![cfg(all(feature = "remote", feature = "zarr"))]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

#[path = "common/server.rs"]
mod server;

use em_io::{Error, RemoteOptions, Roi, Volume, Voxels};
use ndarray::Array3;
use server::{Mood, Request, Server};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// Sets the patience of all tests: longer than any server here needs that is to be waited for.
fn be_patient() {
    em_io::set_remote_options(RemoteOptions {
        retries: 6,
        timeout: Duration::from_secs(4),
        ..RemoteOptions::default()
    });
}

fn voxels() -> Voxels {
    Array3::from_shape_fn((4, 150, 200), |(z, y, x)| (z * 31 + y * 7 + x * 3 + x * y) as u16).into()
}

/// A folder with the same voxels in several formats.
fn stacks() -> TempDir {
    let folder = tempdir().unwrap();
    for name in ["a.tif", "a.mrc", "a.zarr"] {
        em_io::write_volume(folder.path().join(name), &voxels(), Some([50.0, 5.0, 5.0])).unwrap();
    }
    folder
}

const NAMES: [&str; 3] = ["a.tif", "a.mrc", "a.zarr"];

fn open(server: &Server, name: &str) -> Result<Volume, Error> {
    be_patient();
    em_io::open(format!("{}/{name}", server.url))
}

/// Reads all formats from a server with a mood, and compares.
#[track_caller]
fn check_read(moods: impl Fn(&Request, usize) -> Mood + Send + Sync + Clone + 'static) {
    let folder = stacks();
    let server = Server::start(folder.path(), moods);
    for name in NAMES {
        let read = open(&server, name).and_then(|volume| volume.read_all());
        assert_eq!(read.unwrap_or_else(|error| panic!("{name}: {error}")), voxels(), "{name}");
    }
}

/// Finds the error of a server with a mood, in opening or reading.
#[track_caller]
fn error_of(name: &str, moods: impl Fn(&Request, usize) -> Mood + Send + Sync + 'static) -> Error {
    let folder = stacks();
    let server = Server::start(folder.path(), moods);
    let error = open(&server, name).and_then(|volume| volume.read_all()).expect_err(name);
    assert!(error.to_string().contains(&format!("{}/{name}", server.url)), "{error}");
    error
}

#[test]
fn what_is_refused_for_a_while_is_asked_for_again() {
    check_read(|_, before| if before < 5 { Mood::Refuses(503, "", "") } else { Mood::Well });
    check_read(|_, before| if before % 2 == 0 { Mood::Refuses(500, "", "") } else { Mood::Well });
}

#[test]
fn a_server_is_waited_for_as_long_as_it_wishes() {
    let folder = stacks();
    let server = Server::start(folder.path(), |request, before| match before {
        0 if request.path == "a.mrc" => Mood::Refuses(429, "Retry-After: 2\r\n", ""),
        _ => Mood::Well,
    });
    let start = Instant::now();
    open(&server, "a.mrc").unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_body_that_breaks_off_is_read_to_its_end() {
    check_read(|request, before| match before {
        0 | 1 if request.method == "GET" => Mood::Cuts(5000),
        _ => Mood::Well,
    });
    check_read(
        |request, before| if request.method == "GET" && before == 0 { Mood::Cuts(0) } else { Mood::Well },
    );
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again() {
    check_read(|request, before| match before {
        0 if request.path.ends_with("a.tif") => Mood::Waits(Duration::from_secs(20)),
        _ => Mood::Well,
    });
}

#[test]
fn servers_without_versions_dates_or_lengths_are_read() {
    check_read(|_, _| Mood::Bare);
    let folder = stacks();
    let server = Server::start(folder.path(), |_, _| Mood::Chunked);
    assert_eq!(open(&server, "a.zarr").unwrap().read_all().unwrap(), voxels());
}

#[test]
fn a_server_without_ranges_gives_small_files_whole_and_large_ones_not() {
    check_read(|_, _| Mood::Whole);
    let folder = tempdir().unwrap();
    let large = Voxels::from(Array3::<u16>::zeros((4, 1200, 1200)));
    em_io::write_volume(folder.path().join("large.mrc"), &large, None).unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Whole);
    let error = open(&server, "large.mrc").unwrap_err();
    assert!(error.to_string().contains("whole files only"), "{error}");
    assert!(error.hint().unwrap().contains("download"));
    assert!(
        server.sent("large.mrc").1
            < 2 * fs::metadata(folder.path().join("large.mrc")).unwrap().len() as usize
    );
}

#[test]
fn refusals_say_what_was_refused_and_what_to_do() {
    let denied = error_of("a.mrc", |_, _| Mood::Refuses(403, "", "<Code>AccessDenied</Code> of AKIASECRET"));
    assert!(matches!(denied, Error::Remote { kind: std::io::ErrorKind::PermissionDenied, .. }), "{denied:?}");
    assert!(
        denied.to_string().contains("status 403, AccessDenied") && !format!("{denied:?}").contains("AKIA")
    );
    assert!(denied.hint().is_some());
    let broken = error_of("a.mrc", |_, _| Mood::Refuses(500, "", ""));
    assert!(broken.to_string().contains("status 500"), "{broken}");
    let gone = error_of("a.mrc", |_, _| Mood::Refuses(410, "", ""));
    assert!(gone.to_string().contains("status 410"), "{gone}");
}

#[test]
fn nobody_at_an_address_is_said() {
    be_patient();
    let start = Instant::now();
    let error = em_io::open("http://127.0.0.1:9/a.tif").unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3), "a wrong name is told at once");
    assert!(
        error.to_string().starts_with("cannot open `http://127.0.0.1:9/a.tif`: no connection"),
        "{error}"
    );
    let error = em_io::open("https://no-such-host.invalid/a.zarr").unwrap_err();
    assert!(error.to_string().contains("https://no-such-host.invalid/a.zarr"), "{error}");
}

#[test]
fn fewer_bytes_than_were_said_are_never_used() {
    for name in NAMES {
        let is_data = |request: &Request| request.range.is_some() || request.path.contains("/c/");
        let error =
            error_of(name, move |request, _| if is_data(request) { Mood::Short(9) } else { Mood::Well });
        let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
        // A chunk that is short as a whole cannot be decoded; a part is known to be short.
        assert!(name == "a.zarr" || text.contains("of the"), "{name}: {text}");
    }
}

#[test]
fn another_length_than_before_is_a_change() {
    let error = error_of("a.mrc", |request, before| match before {
        1.. if request.range.is_some() => Mood::Lies(1 << 40),
        _ => Mood::Well,
    });
    assert!(matches!(error, Error::Changed { .. }), "{error}");
}

#[test]
fn parts_of_another_version_are_refused() {
    for name in ["a.tif", "a.mrc"] {
        // The server knows nothing of If-Match where the answer has another tag by itself.
        let error = error_of(name, |_, before| if before == 2 { Mood::Tagged("stale") } else { Mood::Well });
        assert!(matches!(error, Error::Changed { .. }), "{name}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn an_object_that_is_replaced_is_refused_and_opened_anew() {
    for name in ["a.tif", "a.mrc"] {
        let folder = tempdir().unwrap();
        let at = folder.path().join(name);
        // Nothing makes it small enough to be read whole with the first page.
        let at_place = |z, y, x| (((z * 300 + y) * 400 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let of = |value: u16| {
            let mixed = |(z, y, x)| (at_place(z, y, x) >> 40) as u16 ^ value;
            Voxels::from(Array3::from_shape_fn((8, 300, 400), mixed))
        };
        em_io::write_volume(&at, &of(1), None).unwrap();
        let server = Server::start(folder.path(), |_, _| Mood::Well);
        let volume = open(&server, name).unwrap();
        let first = Roi::sections(volume.shape(), 0..1);
        assert_eq!(volume.read(first).unwrap(), of(1).cut(first));
        em_io::write_volume(&at, &of(2), None).unwrap();
        let error = volume.read(Roi::sections(volume.shape(), 4..8)).unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{name}: {error}");
        assert_eq!(open(&server, name).unwrap().read_all().unwrap(), of(2), "{name}");
        fs::remove_file(&at).unwrap();
    }
}

#[test]
fn a_file_that_changes_is_refused() {
    let folder = stacks();
    let of = |value: u16| Voxels::from(Array3::from_elem((4, 150, 200), value));
    for name in ["a.tif", "a.mrc"] {
        let at = folder.path().join(name);
        let volume = em_io::open(&at).unwrap();
        em_io::write_volume(&at, &of(2), None).unwrap();
        let error = volume.read_all().unwrap_err();
        assert!(matches!(&error, Error::Changed { path } if *path == at), "{name}: {error}");
    }
    let at = folder.path().join("a.mrc");
    let volume = em_io::open(&at).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&at).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(9)).unwrap();
    assert!(matches!(volume.read_all(), Err(Error::Changed { .. })));
}

#[test]
fn no_more_requests_are_made_at_a_time_than_are_allowed() {
    be_patient();
    let folder = tempdir().unwrap();
    let stack = Voxels::from(Array3::from_shape_fn((64, 64, 64), |(z, y, x)| (z * y * x) as u8 | 1));
    let spec = em_io::VolumeSpec { shape: [64; 3], voxel_type: em_io::VoxelType::U8, voxel_size_nm: None };
    let mut options = em_io::WriteOptions::default();
    (options.chunk, options.levels) = ([16, 16, 16], Some(1));
    let mut writer = em_io::VolumeWriter::with_options(folder.path().join("a.zarr"), spec, options).unwrap();
    writer.write(&stack).unwrap();
    writer.finish().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, highest) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(folder.path(), move |request, _| {
        if request.path.contains("/c/") {
            let at_once = count.fetch_add(1, Ordering::SeqCst) + 1;
            highest.fetch_max(at_once, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(30));
            count.fetch_sub(1, Ordering::SeqCst);
        }
        Mood::Well
    });
    assert_eq!(open(&server, "a.zarr").unwrap().read_all().unwrap(), stack);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= RemoteOptions::default().requests, "{most} requests at a time");
}

#[test]
fn secrets_in_an_address_are_refused_and_not_said() {
    for address in
        ["https://me:hunter2@host/a.tif", "s3://bucket/a.tif?key=hunter2", "ftp://me:hunter2@host/a"]
    {
        let errors = [
            em_io::open(address).unwrap_err(),
            em_io::write_volume(Path::new(address), &voxels(), None).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::Address { .. }), "{error:?}");
            assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"), "{error:?}");
        }
    }
}

#[test]
fn a_web_server_is_not_written_to() {
    be_patient();
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    let error = em_io::write_volume(format!("{}/a.zarr", server.url), &voxels(), None).unwrap_err();
    assert!(error.to_string().contains("read only") && error.hint().unwrap().contains("s3://"), "{error}");
    let error = em_io::write_volume(format!("{}/a.tif", server.url), &voxels(), None).unwrap_err();
    assert!(error.to_string().contains("an address that ends in .zarr"), "{error}");
    assert_eq!(server.requests().len(), 0);
}
