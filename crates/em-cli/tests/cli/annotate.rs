//! `em-cli annotate` as a program: what it refuses, how it ends, and what it makes of a log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, raw};

const OPTIONS: &str =
    "annotate raw.tif -o project --voxel-size 50,5,5 --classes cells --no-browser --device cpu";

/// The program while it serves; ended by a signal.
pub struct Serving(Child);

impl Serving {
    /// Starts it, and returns it with the address that it tells.
    fn start(lab: &Lab, arguments: &str) -> (Self, String) {
        let (serving, mut said) = Self::start_saying(lab, arguments);
        (serving, said.pop().unwrap())
    }

    /// Starts it, and returns it with what it tells, up to its address.
    pub fn start_saying(lab: &Lab, arguments: &str) -> (Self, Vec<String>) {
        let child = lab.em_cli(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut serving, mut said) = (Self(child), Vec::new());
        for line in BufReader::new(serving.0.stdout.take().unwrap()).lines().map_while(Result::ok) {
            said.push(line);
            if said[said.len() - 1].starts_with("http://") {
                return (serving, said);
            }
        }
        panic!("it tells no address: {said:?}");
    }

    /// Asks it to end as Ctrl-C does: whether it ends well, and what it said.
    pub fn interrupted(mut self) -> (bool, String) {
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        let status = self.0.wait().unwrap();
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.success(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends JSON to an address, and returns the answer.
fn post(address: &str, path: &str, body: &str) -> String {
    let (host, secret) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /{secret}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_is_no_project_is_a_mistake() {
    let lab = Lab::new();
    lab.write_volume("raw.tif", raw([3, 64, 64]));
    std::fs::create_dir(lab.path("full")).unwrap();
    lab.write("full/notes.txt", "mine");
    assert!(lab.mistake("annotate raw.tif --no-browser").contains("`raw.tif` tells no voxel size"));
    assert!(lab.mistake("annotate missing.tif --no-browser").contains("missing.tif"));
    assert!(lab.mistake("annotate raw.tif --replay").contains("`raw.tif` is no project"));
    let message = lab.mistake("annotate raw.tif -o full --voxel-size 50,5,5 --no-browser");
    assert!(message.contains("`full` is not empty, and holds no project"), "{message}");
    let message = lab.mistake("annotate raw.tif --voxel-size 50,5,5 --classes a,../b --no-browser");
    assert!(message.contains("`../b` is no name for a class"), "{message}");
}

#[test]
fn a_project_is_served_killed_and_made_again_from_its_log() {
    let lab = Lab::new();
    lab.write_volume("raw.tif", raw([3, 64, 64]));
    let (serving, address) = Serving::start(&lab, OPTIONS);
    let message = lab.message(lab.em_cli("annotate project --no-browser").output().unwrap());
    assert!(message.contains("is open in process"), "{message}");

    let stroke = r#"{"client":"a","id":"1","action":{"kind":"stroke","class":"cells","value":2,"z":1,"radius":4,"points":[[20,20],[40,30]]}}"#;
    assert!(post(&address, "api/actions", stroke).starts_with("HTTP/1.1 200"));
    // A kill without notice.
    drop(serving);
    let labels = lab.volume("project/labels/cells.zarr");
    assert_eq!((labels[[1, 20, 20]], labels[[1, 50, 50]], labels[[0, 20, 20]]), (2, 0, 0));
    let chunk = lab.bytes("project/labels/cells.zarr/0/c/1/0/0");
    std::fs::remove_dir_all(lab.path("project/labels")).unwrap();
    assert!(lab.ok("annotate project --replay").contains("(actions: 1, regions: 0)"));
    assert_eq!(lab.bytes("project/labels/cells.zarr/0/c/1/0/0"), chunk);

    // What would be ignored is refused.
    std::fs::create_dir(lab.path("other")).unwrap();
    lab.write_volume("other/raw.tif", raw([3, 64, 64]));
    let message = lab.mistake("annotate other/raw.tif -o project --no-browser");
    assert!(message.contains("the project `[DIR]/project` is of `[DIR]/raw.tif`"), "{message}");
    for option in ["--classes nuclei", "--model mitochondria", "--voxel-size 9,9,9", "--channel 0"] {
        let message = lab.mistake(&format!("annotate project {option} --no-browser"));
        assert!(message.contains("and the project `project` was begun"), "{message}");
    }

    let (serving, again) = Serving::start(&lab, "annotate project --no-browser --device cpu");
    assert_eq!(again, address, "a page finds the program where it was");
    let (ended_well, said) = serving.interrupted();
    assert!(ended_well && said.contains("Ctrl-C ends the program"), "{said}");
    assert!(said.contains("stopping after this step; what was painted is in the project"), "{said}");
}
