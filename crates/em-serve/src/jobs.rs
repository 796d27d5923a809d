//! What takes minutes: one thing at a time, in a thread or a program of its own, that can be stopped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use em_pipeline::em_model::{History, RunFolder};
use em_pipeline::{Error, Event, Observer, RunConfig};
use serde::Serialize;

use crate::locks::locked;

/// What runs, or ended last.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    kind: &'static str,
    state: &'static str,
    progress: Option<f64>,
    line: String,
    message: Option<String>,
    curve: Vec<Point>,
    link: Option<String>,
}

/// A point of a training's curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Point {
    epoch: usize,
    loss: f64,
    network: String,
}

/// The job of a project.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    job: Mutex<Option<Job>>,
    stop: AtomicBool,
    child: Mutex<Option<Child>>,
}

/// How a job ended well: what is said, and a page to look at.
pub struct Done {
    /// A sentence for people.
    pub message: String,
    /// A path from the page.
    pub link: Option<String>,
}

/// A training in a program of its own.
pub struct TrainingJob {
    /// The program em-cli.
    pub program: PathBuf,
    /// Where to compute, as its option `--device` says it.
    pub device: String,
    /// What is trained; its file lies beside the folder of the run.
    pub config: RunConfig,
    /// The number of the run.
    pub number: usize,
}

/// Lines of a program's complaints that are kept to be told.
const KEPT_LINES: usize = 20;

impl Jobs {
    /// Returns the job.
    pub fn now(&self) -> Option<Job> {
        locked(&self.0.job).clone()
    }

    /// Tells whether a job is running that writes a result anew.
    pub fn replaces_result(&self) -> bool {
        let job = locked(&self.0.job);
        job.as_ref().is_some_and(|job| job.state == "running" && ["predict", "measure"].contains(&job.kind))
    }

    /// Starts a job in a thread of its own; false where one is running.
    pub fn start(
        &self,
        kind: &'static str,
        work: impl FnOnce(&Self) -> em_pipeline::Result<Done> + Send + 'static,
    ) -> bool {
        {
            let mut job = locked(&self.0.job);
            if job.as_ref().is_some_and(|job| job.state == "running") {
                return false;
            }
            let line = String::new();
            *job = Some(Job {
                kind,
                state: "running",
                progress: None,
                line,
                message: None,
                curve: vec![],
                link: None,
            });
        }
        self.0.stop.store(false, Ordering::Relaxed);
        let jobs = self.clone();
        std::thread::spawn(move || {
            let result = work(&jobs);
            jobs.change(|job| match result {
                Ok(done) => {
                    (job.state, job.progress) = ("done", Some(1.0));
                    (job.message, job.link) = (Some(done.message), done.link);
                }
                Err(Error::Stopped) => job.state = "stopped",
                Err(error) => {
                    let hint =
                        em_pipeline::hint_of(&error).map_or(String::new(), |hint| format!(" ({hint})"));
                    (job.state, job.message) = ("failed", Some(em_pipeline::with_causes(&error) + &hint));
                }
            });
        });
        true
    }

    /// Asks the job to end.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
        if let Some(child) = locked(&self.0.child).as_mut() {
            // It may have ended by itself. What it trained is whole up to its last epoch.
            let _ = child.kill();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Job)) {
        locked(&self.0.job).as_mut().map(change);
    }

    fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// Says how the job goes on.
    pub fn tell(&self, line: String) {
        self.change(|job| job.line = line);
    }

    /// Does a work in this process, whose progress is shown.
    pub fn observed<T>(
        &self,
        work: impl FnOnce(&mut Observer<'_>) -> em_pipeline::Result<T>,
    ) -> em_pipeline::Result<T> {
        let (mut total, mut done) = (0, 0);
        let mut hear = |event: Event<'_>| {
            match event {
                Event::Started(stage) => (total, done) = (stage.total, 0),
                Event::Advanced(units) => done += units,
                Event::Note(text) | Event::Warning(text) => self.tell(text.to_owned()),
                _ => {}
            }
            if total > 0 {
                // Sections and bytes are far below 2^52.
                self.change(|job| job.progress = Some((done as f64 / total as f64).min(1.0)));
            }
            if self.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        work(&mut Observer::new(&mut hear))
    }

    /// Trains, at low priority.
    pub fn train(&self, training: &TrainingJob) -> em_pipeline::Result<Done> {
        let run = RunFolder::new(&training.config.output.folder);
        let file = run.path().with_extension("toml");
        let text = training.config.to_toml()?;
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .map_err(|error| failed(format!("`{}` cannot be made: {error}", folder.display())))?;
        em_io::write_atomically(&file, |out| out.write_all(text.as_bytes()))?;
        let mut child = at_low_priority(&training.program)
            .args(["train", "--config"])
            .arg(&file)
            .args(["--device", &training.device])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                failed(format!("`{}` cannot be started: {error}", training.program.display()))
            })?;
        let (output, complaints) = (child.stdout.take(), child.stderr.take());
        *locked(&self.0.child) = Some(child);
        if self.is_stopped() {
            // Asked before there was a child to be ended.
            self.stop();
        }
        let complaints = std::thread::spawn(move || last_lines(complaints));
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines().map_while(Result::ok))
        {
            let (curve, progress) = curve_of(&run, &training.config);
            self.change(|job| (job.line, job.curve, job.progress) = (line, curve, Some(progress)));
        }
        let child = locked(&self.0.child).take();
        let status = child.map(|mut child| child.wait());
        let complaints = complaints.join().unwrap_or_default();
        if self.is_stopped() {
            return Err(Error::Stopped);
        }
        if !matches!(&status, Some(Ok(status)) if status.success()) {
            let reason = complaints.iter().rev().find(|line| line.starts_with("error")).cloned();
            return Err(failed(reason.unwrap_or_else(|| format!("the training ended: {status:?}"))));
        }
        let message = format!("Training {} is done.", training.number);
        Ok(Done { message, link: Some(format!("runs/{}/report.html", training.number)) })
    }
}

fn failed(message: String) -> Error {
    em_pipeline::UserError::new(message, "the folder of the project has what was done before").into()
}

/// A program that others go before, where the system has `nice`.
fn at_low_priority(program: &Path) -> Command {
    if ["/usr/bin/nice", "/bin/nice"].iter().any(|nice| Path::new(nice).exists()) {
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(program);
        return command;
    }
    Command::new(program)
}

fn last_lines(output: Option<impl Read>) -> VecDeque<String> {
    let mut kept = VecDeque::new();
    for line in output.into_iter().flat_map(|output| BufReader::new(output).lines().map_while(Result::ok)) {
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    kept
}

/// The losses so far, of the networks beside the run and the run itself, and the share of epochs that are done.
fn curve_of(run: &RunFolder, config: &RunConfig) -> (Vec<Point>, f64) {
    let folds = config.data.split.folds;
    let beside = (1..=folds).map(|number| (format!("score {number}"), run.fold(number)));
    let mut curve = Vec::new();
    for (network, run) in beside.chain([("all regions".to_owned(), run.clone())]) {
        let rows = History::read(&run).map(|history| history.rows).unwrap_or_default();
        curve.extend(rows.iter().filter_map(|row| {
            Some(Point { epoch: row.epoch, loss: row.train.loss?, network: network.clone() })
        }));
    }
    // Far fewer than 2^52.
    let progress = curve.len() as f64 / (config.train.epochs * (folds + 1)).max(1) as f64;
    (curve, progress.min(1.0))
}
