//! The result of a project in three dimensions, on the same server: its objects are looked at and corrected
//! there, and what is around a corrected one becomes a reviewed region for the next training.

use std::path::Path;
use std::sync::{Arc, Weak};

use axum::Router;
use em_io::Roi;
use em_pipeline::annotate::{Project, Request, Runs, SourceName, Suggested};
use em_pipeline::correct::{Refusal, set_aside_edits_of_others};
use em_pipeline::measure::labels_in;
use em_pipeline::view::{Kind, OverlayFile, View, ViewRequest};
use em_pipeline::{Observer, Result};

use crate::app::App;
use crate::locks::locked;
use crate::view::{Shown, routes};

/// The result that is shown, and what answers for it.
pub struct ShownResult {
    shown: Arc<Shown>,
    router: Router,
}

impl ShownResult {
    /// Returns what answers.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Ends what is measured in the background.
    pub fn stop(&self) {
        self.shown.view.stop();
    }
}

/// Tells whether a project has objects that can be shown.
pub fn has_objects(folder: &Path) -> bool {
    folder.join("result").join("objects").join("objects.csv").is_file()
}

/// Opens the result of a project.
///
/// # Errors
///
/// Fails if a file of it cannot be read.
pub fn open(app: &Arc<App>) -> Result<ShownResult> {
    let request = {
        let project = locked(&app.project);
        let description = project.description();
        let mut request = ViewRequest::new(&description.stack);
        request.reading = description.reading();
        request.voxel_size_nm = Some(description.voxel_size_nm);
        request.overlays = overlays(&project);
        request
    };
    let mut hear = em_pipeline::silent;
    let observer = &mut Observer::new(&mut hear);
    for file in request.overlays.iter().filter(|file| file.kind == Some(Kind::Objects)) {
        if let Some(aside) = set_aside_edits_of_others(&file.path, observer)? {
            app.messages.tell(format!(
                "The objects of {} were measured anew: corrections of those before are kept in `{}`.",
                file.name,
                aside.display()
            ));
        }
    }
    let view = View::open(&request, observer)?;
    let of = Arc::downgrade(app);
    let shown = Arc::new(Shown::new(view, Some(Box::new(move |part, found| review(&of, part, found)))));
    let router = routes().with_state(Arc::clone(&shown));
    Ok(ShownResult { shown, router })
}

/// The files of a result, each called by its class.
fn overlays(project: &Project) -> Vec<OverlayFile> {
    let folder = project.folder().join("result");
    let mut files = Vec::new();
    for (class, labels) in labels_in(&folder.join("objects")) {
        let probabilities = folder.join(format!("probabilities_{class}.zarr"));
        if probabilities.exists() {
            let name = format!("probabilities_{class}");
            files.push(OverlayFile::new(name, probabilities, Some(Kind::Probabilities)));
        }
        files.push(OverlayFile::new(class, labels, Some(Kind::Objects)));
    }
    files
}

/// Makes a box a reviewed region: all objects of all classes within it are foreground, the rest is not.
fn review(app: &Weak<App>, part: Roi, found: Vec<(String, Vec<Runs>)>) -> Result<String, Refusal> {
    let gone = || Refusal::Unwritten("the project is being closed".into());
    let app = app.upgrade().ok_or_else(gone)?;
    let mut project = locked(&app.project);
    // Within a region, the labels of all classes are complete.
    let is_missing = |class: &&String| found.iter().all(|(of, _)| of != *class);
    if let Some(class) = project.description().classes.iter().find(is_missing) {
        let reason =
            format!("there are no objects of {class}: predict with a network that knows it, and measure");
        return Err(Refusal::Senseless(reason));
    }
    let number = project.ledger().actions().len();
    for (class, painted) in found.into_iter().filter(|(_, painted)| !painted.is_empty()) {
        let id = format!("corrected {class} after action {number}");
        let source = SourceName::Network;
        let request = Request::Accept { source, class, threshold: 0.5, within: Some(part), object: None };
        project.act(&id, request, Suggested { painted, digest: None })?;
    }
    let request = Request::Region { start: part.start, shape: part.shape };
    project.act(&format!("corrected region after action {number}"), request, Suggested::default())?;
    let [depth, height, width] = part.shape;
    Ok(format!(
        "{depth} x {height} x {width} voxels are a reviewed region, from which the next training learns."
    ))
}
