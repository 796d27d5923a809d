//! A project, or a view, that is served to a test, and what it answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use em_io::{VoxelSize, Voxels};
use em_pipeline::annotate::{Project, ProjectRequest};
use em_pipeline::em_model::Device;
use em_pipeline::view::View;
use em_pipeline::{Observer, silent};
use em_serve::{ServeRequest, serve, serve_view};
use ndarray::Array3;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any answer takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What is served until it is dropped.
pub struct Served {
    pub folder: TempDir,
    pub port: u16,
    pub secret: String,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The voxels of the stack.
pub fn grey(z: usize, y: usize, x: usize) -> u8 {
    (z * 50 + (y ^ x) % 100) as u8
}

/// An answer: its status, its head and its body.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Served {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = folder.path().join("raw.tif");
        let voxels = Array3::from_shape_fn((4, 600, 700), |(z, y, x)| grey(z, y, x));
        em_io::write_volume(&stack, &Voxels::from(voxels), None).unwrap();
        // Of classes that no network knows, so that none is read.
        let mut request = ProjectRequest::new(stack);
        request.voxel_size = Some(VoxelSize::new([40.0, 5.0, 5.0]).unwrap());
        request.classes = vec!["nuclei".into(), "axons".into()];
        let mut unheard = silent;
        Project::create(&folder.path().join("project"), &request, &mut Observer::new(&mut unheard)).unwrap();
        Self::again(folder)
    }

    pub fn again(folder: TempDir) -> Self {
        let mut unheard = silent;
        let project =
            Project::open(&folder.path().join("project"), &mut Observer::new(&mut unheard)).unwrap();
        Self::start(folder, move |ready, ended| {
            let request = ServeRequest::new(PathBuf::from("no-program"), Device::Cpu, "cpu".into());
            serve(project, &request, ready, ended)
        })
    }

    /// Serves a view instead.
    pub fn view(folder: TempDir, view: View) -> Self {
        Self::start(folder, move |ready, ended| serve_view(view, None, ready, ended))
    }

    fn start(
        folder: TempDir,
        serve: impl FnOnce(&dyn Fn(&str), &dyn Fn() -> bool) -> em_pipeline::Result<()> + Send + 'static,
    ) -> Self {
        let (end, (tell, hear)) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
        let ended = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let ready = |url: &str| tell.send(url.to_owned()).unwrap();
            serve(&ready, &|| ended.load(Ordering::Relaxed)).unwrap();
        });
        let url: String = hear.recv_timeout(Duration::from_secs(20)).unwrap();
        let parts: Vec<&str> = url.split(['/', ':']).collect();
        Self {
            folder,
            port: parts[4].parse().unwrap(),
            secret: parts[5].to_owned(),
            end,
            thread: Some(thread),
        }
    }

    /// Ends the server, and returns the folder that stays.
    pub fn stopped(mut self) -> TempDir {
        self.stop();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    fn stop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Sends bytes as they are, and reads what comes until the other side closes.
    pub fn raw(&self, bytes: &[u8], patience: Duration) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        // A server that refuses early closes before all is sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let host = format!("127.0.0.1:{}", self.port);
        self.ask_host(&host, method, path, headers, body)
    }

    pub fn ask_host(&self, host: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(body);
        let answer = self.raw(&request, PATIENCE);
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer to {method} {path}: {answer:?}"));
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: answer[end + 4..].to_vec() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/{}/{path}", self.secret), "", b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let path = format!("/{}/{path}", self.secret);
        self.ask("POST", &path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    pub fn act(&self, id: &str, action: Value) -> Answer {
        self.post("api/actions", &json!({"client": "me", "id": id, "action": action}))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("project/actions.jsonl")).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}
