//! `em-cli annotate`: labels made on the screen, and networks trained on them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use em_io::{OpenOptions, VoxelSize, place};
use em_pipeline::annotate::{Project, ProjectRequest};
use em_pipeline::display;
use em_serve::{ServeRequest, serve};

use crate::arguments::voxel_size;
use crate::cli::{DeviceArgs, ReadingArgs};
use crate::console::{complain, observed_keeping, say};
use crate::error::UserError;
use crate::interrupt;

/// What stays where somebody ends the program.
const KEPT: &str = "what was painted is in the project";

/// Arguments of `annotate`.
#[derive(Debug, Args)]
pub struct AnnotateArgs {
    /// A raw stack or its address, or the folder of a project that was begun.
    #[arg(value_name = "STACK|PROJECT")]
    stack: PathBuf,
    /// The folder of the project; in the working folder, named after the stack, if absent.
    #[arg(short, long, value_name = "PROJECT")]
    output: Option<PathBuf>,
    /// What is labelled in a new project: mitochondria,synapses if absent.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    classes: Vec<String>,
    /// The network that suggests: the folder of a run, or the name of a built-in one (`em-cli models`).
    #[arg(long, value_name = "RUN|MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Voxel size in nm, where the stack tells none or a wrong one.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Make the labels again from the log, and end.
    #[arg(long)]
    replay: bool,
    /// The port of the page; that of the last time if absent.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub fn run(args: &AnnotateArgs) -> Result<()> {
    let device = args.device.get()?;
    let project = open(args)?;
    if args.replay {
        let (actions, regions) = (project.ledger().actions().len(), project.regions().len());
        let labels = project.folder().join("labels");
        say!("`{}`: labels are what the log says (actions: {actions}, regions: {regions})", labels.display());
        return Ok(());
    }
    interrupt::watch(KEPT)?;
    let about = format!("`{}`: {}", project.folder().display(), display::shape(project.description().shape));
    let mut request = ServeRequest::new(std::env::current_exe()?, device, args.device.device.clone());
    request.port = args.port;
    let ready = |url: &str| {
        say!("{about}");
        say!("{url}");
        if !args.no_browser && open::that_detached(url).is_err() {
            complain!("note: no browser could be opened: open the address above");
        }
        complain!("note: Ctrl-C ends the program; {KEPT}");
    };
    serve(project, &request, ready, interrupt::asked)?;
    Ok(())
}

/// Opens the project, or begins one.
fn open(args: &AnnotateArgs) -> Result<Project> {
    let hint = "start the command again";
    let is_project = Project::is_at(&args.stack);
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None if is_project => args.stack.clone(),
        None => beside(&args.stack),
    };
    if Project::is_at(&folder) {
        args.check_begun(&folder)?;
        let project = observed_keeping(KEPT, hint, |observer| Project::open(&folder, observer))?;
        if !is_project {
            check_stack(&project, &args.stack)?;
            complain!("note: `{}` goes on; -o names another folder", folder.display());
        }
        return Ok(project);
    }
    if args.replay {
        let message = format!("`{}` is no project", args.stack.display());
        return Err(UserError::new(message, "name the folder that `em-cli annotate STACK` made").into());
    }
    let mut request = ProjectRequest::new(args.stack.clone());
    request.reading = args.reading.options();
    request.voxel_size = args.voxel_size.map(VoxelSize::new).transpose()?;
    if !args.classes.is_empty() {
        request.classes.clone_from(&args.classes);
    }
    request.model.clone_from(&args.model);
    observed_keeping(KEPT, hint, |observer| Project::create(&folder, &request, observer))
}

impl AnnotateArgs {
    /// Refuses what is decided when a project is begun, and would be ignored.
    fn check_begun(&self, folder: &Path) -> Result<()> {
        let given = [
            ("--classes", !self.classes.is_empty()),
            ("--model", self.model.is_some()),
            ("--voxel-size", self.voxel_size.is_some()),
            ("a choice of the stack within the file", self.reading.options() != OpenOptions::default()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((option, _)) => {
                let message = format!("{option} is given, and the project `{}` was begun", folder.display());
                let hint = "leave it out: project.json has what was chosen; -o begins another project";
                Err(UserError::new(message, hint).into())
            }
        }
    }
}

/// Refuses the project of another stack.
fn check_stack(project: &Project, stack: &Path) -> Result<()> {
    let of_project = &project.description().stack;
    let [found, expected] = [stack, of_project].map(place::identity);
    if found.is_some() && found == expected {
        return Ok(());
    }
    let message = format!("the project `{}` is of `{}`", project.folder().display(), of_project.display());
    Err(UserError::new(message, "name a folder for another project with -o").into())
}

/// The folder of a stack's project: `stack.tif` to `stack-labels`, in the working folder.
fn beside(stack: &Path) -> PathBuf {
    let name = stack.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("stack");
    PathBuf::from(format!("{stem}-labels"))
}
