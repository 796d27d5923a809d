//! Stacks: resumed, repaired, refused, copied.

use std::fs;
use std::path::Path;

use super::server::{Reply, Request, Server};
use super::{fetch_from, fetch_into, files, names_in, stacks};

/// Returns the file that a request names.
fn file_of(request: &Request) -> Vec<u8> {
    let [raw, label] = files();
    if request.path == "/raw.tif" { raw } else { label }
}

fn assert_complete(folder: &Path) {
    let [raw, label] = files();
    assert_eq!(names_in(folder), ["label.tif", "raw.tif"]);
    assert!(fs::read(folder.join("raw.tif")).unwrap() == raw, "raw.tif differs");
    assert!(fs::read(folder.join("label.tif")).unwrap() == label, "label.tif differs");
}

/// Returns the file with one byte changed.
fn with_wrong_byte(mut file: Vec<u8>, at: usize) -> Vec<u8> {
    file[at] ^= 1;
    file
}

#[test]
fn a_second_fetch_asks_for_nothing() {
    let server = Server::start(|request, _| Reply::ranged(request, &file_of(request)));
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_dropped_connection_goes_on_where_it_stopped() {
    // More drops than attempts: those that got further do not count.
    let server = Server::start(|request, before| {
        let reply = Reply::ranged(request, &file_of(request));
        if before < 4 { reply.cut_after(1000) } else { reply }
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(server.ranges()[..5], ["", "bytes=1000-", "bytes=2000-", "bytes=3000-", "bytes=4000-"]);
}

#[test]
fn an_earlier_part_is_continued() {
    let server = Server::start(|request, _| Reply::ranged(request, &file_of(request)));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("raw.tif.part"), &files()[0][..1234]).unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(server.ranges(), ["bytes=1234-", ""]);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let server = Server::start(|request, before| {
        let reply = Reply::whole(&file_of(request));
        if before == 0 { reply.cut_after(1000) } else { reply }
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
}

#[test]
fn a_server_without_ranges_that_always_drops_is_given_up() {
    let server = Server::start(|request, _| Reply::whole(&file_of(request)).cut_after(1000));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap_err();
    // The first attempt got further than nothing; three in a row after it did not.
    assert_eq!(server.requests().len(), 3, "{error}");
    assert!(error.contains("no answer to 3 requests"), "{error}");
}

#[test]
fn a_wrong_byte_costs_one_piece() {
    let server = Server::start(|request, before| {
        let file = file_of(request);
        Reply::ranged(request, &if before == 0 { with_wrong_byte(file, 2500) } else { file })
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(server.ranges(), ["", "", "bytes=2000-2999"]);
}

#[test]
fn a_wrong_piece_across_two_files_is_fetched_from_both() {
    let server = Server::start(|request, before| {
        let file = file_of(request);
        Reply::ranged(request, &if before == 0 { with_wrong_byte(file, 4200) } else { file })
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(server.ranges(), ["", "", "bytes=4000-4499", "bytes=0-499"]);
}

#[test]
fn a_repair_works_without_ranges_too() {
    let server = Server::start(|request, before| {
        let file = file_of(request);
        Reply::whole(&if before == 0 { with_wrong_byte(file, 2500) } else { file })
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
}

#[test]
fn a_byte_that_stays_wrong_names_piece_and_file_and_keeps_the_rest() {
    let server = Server::start(|request, _| {
        let file = file_of(request);
        let wrong = request.path == "/raw.tif";
        Reply::ranged(request, &if wrong { with_wrong_byte(file, 2500) } else { file })
    });
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap_err();
    assert!(error.contains("piece 2 (bytes 2000..3000 of `raw.tif`) has the SHA-1"), "{error}");
    assert_eq!(server.requests().len(), 2 + 3);
    assert_eq!(names_in(folder.path()), ["label.tif.part", "raw.tif.part"]);

    let healed = Server::start(|request, _| Reply::ranged(request, &file_of(request)));
    fetch_into(folder.path(), &stacks(&healed.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(healed.ranges(), ["bytes=2000-2999"], "only the wrong piece is asked for");
}

#[test]
fn a_file_that_rotted_on_disk_is_repaired() {
    let server = Server::start(|request, _| Reply::ranged(request, &file_of(request)));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("raw.tif"), with_wrong_byte(files()[0].clone(), 10)).unwrap();
    fs::write(folder.path().join("label.tif"), &files()[1]).unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
    assert_eq!(server.ranges(), ["bytes=0-999"]);
}

#[test]
fn one_file_alone_can_be_fetched() {
    let server = Server::start(|request, _| Reply::ranged(request, &file_of(request)));
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &["label"]).unwrap();
    assert_eq!(names_in(folder.path()), ["label.tif"]);
}

#[test]
fn a_missing_file_shows_its_address_at_once() {
    let server = Server::start(|_, _| Reply::status("404 Not Found"));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap_err();
    assert!(
        error.contains(&format!("the server of `{}/raw.tif` answered 404 Not Found", server.url)),
        "{error}"
    );
    assert!(error.contains("hint: ") && error.contains("--from DIR"), "{error}");
    assert_eq!(server.requests().len(), 1, "it is not asked again");
}

#[test]
fn a_page_instead_of_the_file_is_refused_by_its_length() {
    let server = Server::start(|_, _| Reply::whole(b"<html>please log in</html>"));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap_err();
    assert!(error.contains("offers 26 bytes, expected 4500"), "{error}");
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let server = Server::start(|request, before| match before {
        0 => Reply::status("503 Service Unavailable"),
        1 => Reply::status("429 Too Many Requests"),
        _ => Reply::ranged(request, &file_of(request)),
    });
    let folder = tempfile::tempdir().unwrap();
    fetch_into(folder.path(), &stacks(&server.url), &[]).unwrap();
    assert_complete(folder.path());
}

#[test]
fn offline_says_what_was_tried_and_what_helps() {
    // Bound and dropped at once: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &stacks(&format!("http://{address}")), &[]).unwrap_err();
    assert!(
        error.contains(&format!("no answer to 3 requests in 0 s from `http://{address}/raw.tif`")),
        "{error}"
    );
    assert!(error.contains("--from DIR"), "{error}");
}

#[test]
fn copies_from_a_folder_are_verified_and_left_alone() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = stacks("http://127.0.0.1:9");
    let [raw, label] = files();
    fs::write(from.path().join("raw.tif"), with_wrong_byte(raw.clone(), 3999)).unwrap();
    fs::write(from.path().join("label.tif"), label).unwrap();
    let error = fetch_from(from.path(), folder.path(), &source).unwrap_err();
    assert!(error.contains("piece 3 (bytes 3000..4000 of `raw.tif`) has the SHA-1"), "{error}");
    assert!(names_in(folder.path()).is_empty());

    fs::write(from.path().join("raw.tif"), raw).unwrap();
    fetch_from(from.path(), folder.path(), &source).unwrap();
    assert_complete(folder.path());
    assert_complete(from.path());
}

#[test]
fn a_short_or_absent_copy_is_named() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = stacks("http://127.0.0.1:9");
    let error = fetch_from(from.path(), folder.path(), &source).unwrap_err();
    assert!(error.contains("raw.tif") && error.contains("No such file"), "{error}");
    fs::write(from.path().join("raw.tif"), "short").unwrap();
    let error = fetch_from(from.path(), folder.path(), &source).unwrap_err();
    assert!(error.contains("has 5 bytes, expected 4500"), "{error}");
}
