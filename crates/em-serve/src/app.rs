//! A project that is served: what the routes share, and the jobs that they start.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use em_pipeline::annotate::pictures::Canvas;
use em_pipeline::annotate::{NetworkSource, Project, Suggester, next_training};
use em_pipeline::em_model::{Device, ModelCard, RunFolder};
use em_pipeline::measure::ClassFiles;
use em_pipeline::predict::PredictPlan;
use em_pipeline::{ConvertRequest, MeasureRequest, Observer, PredictRequest, RunConfig, UserError, find_run};
use serde_json::Value;

use crate::answer::Failure;
use crate::jobs::{Done, Jobs, TrainingJob};
use crate::locks::locked;
use crate::result::{ShownResult, has_objects};
use crate::session::Session;
use crate::state::{Messages, state};
use crate::worker::Worker;

/// What labels are exported as; `png` is a folder of sections.
pub const EXPORTS: [&str; 5] = ["tif", "ome.tif", "zarr", "mrc", "png"];

/// What the routes share.
pub struct App {
    /// Changed by one at a time.
    pub project: Mutex<Project>,
    /// Read by all.
    pub canvas: Arc<Canvas>,
    /// Runs the network.
    pub worker: Worker,
    /// What takes minutes.
    pub jobs: Jobs,
    /// Which window has the project.
    pub session: Mutex<Session>,
    /// What the person should read.
    pub messages: Messages,
    /// The result in three dimensions, once somebody looks at it.
    result: Mutex<Option<ShownResult>>,
    device: Device,
    device_option: String,
    program: PathBuf,
}

impl App {
    /// Serves a project; its network is read from here on.
    pub fn new(project: Project, device: Device, device_option: String, program: PathBuf) -> Arc<Self> {
        let canvas = Arc::clone(project.canvas());
        let classes = project.description().classes.clone();
        let worker = Worker::start(Suggester::new(Arc::clone(&canvas), classes));
        let app = Arc::new(Self {
            project: Mutex::new(project),
            canvas,
            worker,
            jobs: Jobs::default(),
            session: Mutex::default(),
            messages: Messages::default(),
            result: Mutex::default(),
            device,
            device_option,
            program,
        });
        app.worker.set_strokes(locked(&app.project).strokes_plan());
        app.load_network();
        app
    }

    /// Returns what the page is told.
    pub fn state(&self) -> Value {
        self.state_of(&locked(&self.project))
    }

    /// The same, where the project is held already.
    pub fn state_of(&self, project: &Project) -> Value {
        state(project, &self.worker, &self.jobs, &self.messages)
    }

    /// Lets the worker read the network of the project.
    pub fn load_network(self: &Arc<Self>) {
        let app = Arc::clone(self);
        let device = self.device;
        self.worker.load(move || {
            let plan = NetworkSource::plan(&locked(&app.project));
            plan.map(|plan| plan.load(&app.canvas.stack, device)).transpose()
        });
    }

    /// Returns the next training of the project.
    pub fn next_training(&self, project: &Project) -> em_pipeline::Result<(usize, RunConfig)> {
        let mut notes = Vec::new();
        let mut hear = |event: em_pipeline::Event<'_>| {
            if let em_pipeline::Event::Warning(text) | em_pipeline::Event::Note(text) = event {
                notes.push(text.to_owned());
            }
            std::ops::ControlFlow::Continue(())
        };
        let planned = next_training(project, &mut Observer::new(&mut hear));
        notes.into_iter().for_each(|note| self.messages.tell(note));
        planned
    }

    /// Trains in the background.
    pub fn train(&self, number: usize, config: RunConfig) -> Result<(), Failure> {
        let training =
            TrainingJob { program: self.program.clone(), device: self.device_option.clone(), config, number };
        self.started(self.jobs.start("train", move |jobs| jobs.train(&training)))
    }

    fn started(&self, is_started: bool) -> Result<(), Failure> {
        match is_started {
            true => Ok(()),
            false => Err(Failure::senseless("Something runs already: wait for it, or stop it.")),
        }
    }

    /// Predicts the whole stack; goes on where an earlier prediction by the same network was stopped.
    pub fn predict(&self) -> Result<(), Failure> {
        let project = locked(&self.project);
        let Some(model) = project.model() else {
            return Err(Failure::senseless("There is no network to predict with: train one (T)."));
        };
        let folder = project.folder().join("result");
        let description = project.description().clone();
        let device = self.device;
        drop(project);
        let started = self.jobs.start("predict", move |jobs| {
            make_folder(&folder)?;
            // A built-in network is asked as a run, so that all of its classes are written.
            let run = find_run(&model)?;
            let classes = ModelCard::read(&run)?.classes;
            let mut request = PredictRequest::new([run.path()], &description.stack, device);
            request.reading = description.reading();
            request.voxel_size_nm = Some(description.voxel_size_nm);
            let output = |kind: &str| match classes.as_slice() {
                // As several classes are named.
                [class] => folder.join(format!("{kind}_{class}.zarr")),
                _ => folder.join(format!("{kind}.zarr")),
            };
            request.masks = Some(output("mask"));
            request.probabilities = Some(output("probabilities"));
            (request.overwrite, request.resume) = (true, true);
            remove_blocks_of_others(&folder, &run)?;
            let files = jobs.observed(|observer| {
                let plan = PredictPlan::new(&request, observer)?;
                jobs.tell(format!("memory: {}", plan.memory()));
                plan.run(observer)
            })?;
            // Masks of other classes are those of an earlier network, and are not measured beside these.
            for class in description.classes.iter().filter(|class| !classes.contains(class)) {
                for kind in ["mask", "probabilities"] {
                    let _ = std::fs::remove_dir_all(folder.join(format!("{kind}_{class}.zarr")));
                }
            }
            let names: Vec<String> = files.files.iter().map(|file| file.path.display().to_string()).collect();
            Ok(Done { message: format!("The whole stack is predicted: {}.", names.join(", ")), link: None })
        });
        self.started(started)?;
        self.close_result();
        Ok(())
    }

    /// Returns what answers for the result, which is opened by the first who asks.
    ///
    /// # Errors
    ///
    /// Fails where there is none, or a file of it cannot be read.
    pub fn result(self: &Arc<Self>) -> Result<Router, Failure> {
        if !has_objects(locked(&self.project).folder()) {
            return Err(Failure::not_found("There is no result: predict the whole stack, and measure it."));
        }
        // Asked with the result in hand, so that none is opened while a job that has closed it writes another one.
        let mut result = locked(&self.result);
        if self.jobs.replaces_result() {
            let message = "The result is being made anew: look again when that is done.";
            return Err(Failure::senseless(message));
        }
        if let Some(shown) = &*result {
            return Ok(shown.router());
        }
        let shown = crate::result::open(self)?;
        Ok(result.insert(shown).router())
    }

    /// Forgets the result that is shown, such as when another one is made: none is opened meanwhile.
    pub fn close_result(&self) {
        if let Some(shown) = locked(&self.result).take() {
            shown.stop();
        }
    }

    /// Measures the objects of the prediction.
    pub fn measure(&self) -> Result<(), Failure> {
        let project = locked(&self.project);
        let folder = project.folder().join("result");
        let classes: Vec<ClassFiles> = project
            .description()
            .classes
            .iter()
            .filter_map(|class| {
                let named = |kind: &str| {
                    Some(folder.join(format!("{kind}_{class}.zarr"))).filter(|path| path.exists())
                };
                let mut files = ClassFiles::new(class.clone(), named("mask")?);
                files.probabilities = named("probabilities");
                Some(files)
            })
            .collect();
        if classes.is_empty() {
            return Err(Failure::senseless("There is nothing to measure: predict the whole stack first."));
        }
        let mut request = MeasureRequest::new(classes, folder.join("objects"));
        request.voxel_size_nm = Some(project.description().voxel_size_nm);
        request.overwrite = true;
        let table = folder.join("objects").join("objects.csv");
        drop(project);
        let started = self.jobs.start("measure", move |jobs| {
            jobs.observed(|observer| em_pipeline::measure(&request, observer))?;
            let message = format!("The objects are measured: `{}`.", table.display());
            Ok(Done { message, link: Some("runs/result/objects/report.html".into()) })
        });
        self.started(started)?;
        self.close_result();
        Ok(())
    }

    /// Writes the labels of a class in another format.
    pub fn export(&self, class: &str, ending: &str) -> Result<(), Failure> {
        let project = locked(&self.project);
        if !project.description().classes.iter().any(|known| known == class) {
            return Err(Failure::senseless(format!("there is no class `{class}`")));
        }
        if !EXPORTS.contains(&ending) {
            let all = EXPORTS.join(", ");
            return Err(Failure::senseless(format!("`.{ending}` is not written, only: {all}")));
        }
        let folder = project.folder().join("exports");
        // A folder of PNG has no ending.
        let name = if ending == "png" { class.to_owned() } else { format!("{class}.{ending}") };
        let output = folder.join(name);
        let mut request =
            ConvertRequest::new(project.folder().join("labels").join(format!("{class}.zarr")), &output);
        request.overwrite = true;
        let started = self.jobs.start("export", move |jobs| {
            make_folder(&folder)?;
            jobs.observed(|observer| em_pipeline::convert(&request, observer))?;
            let message = format!("0 unknown, 1 background, 2 foreground: `{}`.", output.display());
            Ok(Done { message, link: None })
        });
        self.started(started)
    }
}

/// Removes the finished blocks of a prediction by another network: with them, none goes on.
fn remove_blocks_of_others(folder: &Path, run: &RunFolder) -> Result<(), UserError> {
    let failed = |error| UserError::new(format!("`{}`: {error}", folder.display()), "free some space");
    let (record, card) = (folder.join("network.json"), std::fs::read(run.card()).map_err(failed)?);
    if std::fs::read(&record).is_ok_and(|of_blocks| of_blocks == card) {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "blocks") {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    std::fs::write(&record, card).map_err(failed)
}

fn make_folder(folder: &Path) -> Result<(), UserError> {
    let failed =
        |error| UserError::new(format!("`{}` cannot be made: {error}", folder.display()), "free some space");
    std::fs::create_dir_all(folder).map_err(failed)
}
