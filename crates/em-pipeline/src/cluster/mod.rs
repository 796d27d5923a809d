//! Job files for clusters: a prediction and a measurement in shards, for a scheduler that is there already.
//!
//! ```text
//! predict  n shards at once ─► finish ─► measure  n shards at once ─► merge
//! ```
//!
//! What is written is short, to be read and changed; nothing here talks to a scheduler.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};

use crate::config::misspelling;
use crate::error::{Context, Result, UserError};
use crate::shards::MOST;
use crate::write;

/// The files of each scheduler: a name, and its template.
type Templates = &'static [(&'static str, &'static str)];

const SLURM: Templates = &[
    ("predict.sbatch", include_str!("templates/slurm_array.j2")),
    ("finish.sbatch", include_str!("templates/slurm_single.j2")),
    ("measure.sbatch", include_str!("templates/slurm_array.j2")),
    ("merge.sbatch", include_str!("templates/slurm_single.j2")),
    ("submit.sh", include_str!("templates/slurm_submit.j2")),
];

const KUBERNETES: Templates = &[
    ("predict.yaml", include_str!("templates/kubernetes_job.j2")),
    ("finish.yaml", include_str!("templates/kubernetes_job.j2")),
    ("measure.yaml", include_str!("templates/kubernetes_job.j2")),
    ("merge.yaml", include_str!("templates/kubernetes_job.j2")),
    ("submit.sh", include_str!("templates/kubernetes_submit.j2")),
];

const DAISY: Templates = &[("run_daisy.py", include_str!("templates/daisy.j2"))];

/// Where a configuration is described.
const HINT: &str =
    "docs/how-to/many-machines.md, \"Predict and measure on many machines\", has one to start from";

/// What runs the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// SLURM's job arrays.
    Slurm,
    /// Kubernetes' indexed jobs.
    Kubernetes,
    /// daisy 2, which calls the program for each shard and retries.
    Daisy,
}

/// What is to be done on a cluster, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// How many shards there are.
    pub shards: usize,
    /// What the jobs are called.
    #[serde(default = "default_name")]
    pub name: String,
    /// How the program is called where the jobs run.
    #[serde(default = "default_program")]
    pub program: String,
    /// The folder that the jobs start in, from which relative paths are; that of the configuration if absent.
    pub folder: Option<PathBuf>,
    /// The prediction; without one, masks that are there are measured.
    pub predict: Option<PredictJob>,
    /// The measurement, if there is to be one.
    pub measure: Option<MeasureJob>,
    /// What each job needs.
    #[serde(default)]
    pub resources: Resources,
    /// What only SLURM needs.
    #[serde(default)]
    pub slurm: Slurm,
    /// What only Kubernetes needs.
    #[serde(default)]
    pub kubernetes: Kubernetes,
    /// What only daisy needs.
    #[serde(default)]
    pub daisy: Daisy,
}

/// What `em-cli predict` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictJob {
    /// Runs, or built-in networks.
    pub model: Vec<String>,
    /// The raw volume.
    pub input: String,
    /// Where masks go: `.zarr`.
    pub output: String,
    /// Other options, as on the command line.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What `em-cli measure` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureJob {
    /// Masks, as `CLASS=MASK`.
    pub masks: Vec<String>,
    /// The folder of the results.
    pub output: String,
    /// Other options, as on the command line.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What a job needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Processor cores.
    pub cpus: usize,
    /// Memory, as the scheduler writes it: `16G`, of Kubernetes `16Gi`.
    pub memory: String,
    /// Graphics cards, for the prediction.
    pub gpus: usize,
    /// The longest time that a job takes, as SLURM writes it: `4:00:00`.
    pub time: Option<String>,
    /// The most jobs at once; all, if absent.
    pub at_once: Option<usize>,
    /// How often a shard that failed is begun again.
    pub retries: usize,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpus: 4, memory: "16G".into(), gpus: 0, time: None, at_once: None, retries: 3 }
    }
}

/// What only SLURM needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slurm {
    /// Further options of `sbatch`, as `--partition=gpu`.
    pub options: Vec<String>,
    /// Lines of the shell before the program, as `module load cuda`.
    pub setup: Vec<String>,
}

/// What only Kubernetes needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// The image of the container that has the program.
    pub image: String,
    /// The claim of the volume that the data lie on, if they are not behind addresses.
    pub claim: Option<String>,
    /// Where it is mounted.
    pub mount: String,
    /// The secret whose keys become variables, for addresses with credentials.
    pub secret: Option<String>,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self { image: "em-cli:latest".into(), claim: None, mount: "/data".into(), secret: None }
    }
}

/// What only daisy needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daisy {
    /// What starts a worker somewhere else, as `["srun", "--ntasks=1"]`; on this machine, if it is empty.
    pub start: Vec<String>,
    /// Seconds after which a shard is taken from a worker that does not answer.
    pub timeout_s: u64,
}

impl Default for Daisy {
    fn default() -> Self {
        Self { start: Vec::new(), timeout_s: 6 * 3600 }
    }
}

fn default_name() -> String {
    "em".into()
}

fn default_program() -> String {
    "em-cli".into()
}

impl ClusterConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is no TOML, has unknown keys, or asks for nothing or the impossible.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            UserError::new(format!("configuration `{}` cannot be read: {error}", path.display()), HINT)
        })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| misspelling::of_kind(path, &text, &error, HINT))?;
        if config.folder.is_none() {
            let absolute =
                std::path::absolute(path).with_context(|| format!("`{}` is no path", path.display()))?;
            config.folder = absolute.parent().map(Path::to_owned);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let refused = |message: String, hint: &str| Err(UserError::new(message, hint).into());
        if !(1..=MOST).contains(&self.shards) {
            return refused(
                format!("`shards` is {}, expected 1 to {MOST}", self.shards),
                "take about as many as there are jobs at once",
            );
        }
        if self.predict.is_none() && self.measure.is_none() {
            return refused(
                "there is neither [predict] nor [measure]".into(),
                "say in a section what is to be done",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let message = format!("`name` is `{}`, expected letters, digits and hyphens", self.name);
            return refused(message, "schedulers take no others");
        }
        let lines = self.slurm.options.iter().chain(self.predict.iter().flat_map(PredictJob::words));
        match lines.chain(self.measure.iter().flat_map(MeasureJob::words)).find(|word| word.contains('\n')) {
            Some(word) => {
                refused(format!("`{}` has a line break", word.escape_debug()), "write it in one line")
            }
            None => Ok(()),
        }
    }

    /// The steps, each with its command.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let (count, shard) = (self.shards, "--shard".to_owned());
        let auto = format!("auto/{count}");
        let command = |words: Vec<String>| std::iter::once(self.program.clone()).chain(words).collect();
        if let Some(predict) = &self.predict {
            let array = [predict.arguments(), vec![shard.clone(), auto.clone()]].concat();
            let finish = ["shards", &predict.output, "--finish"].map(str::to_owned).to_vec();
            let [array, finish] =
                [Step::new("predict", command(array)), Step::new("finish", command(finish))];
            steps.extend(Step::array(array, finish, count, self.resources.gpus));
        }
        if let Some(measure) = &self.measure {
            let array = [measure.arguments(), vec![shard, auto]].concat();
            let merge = [measure.arguments(), vec!["--merge".to_owned()]].concat();
            let [array, merge] = [Step::new("measure", command(array)), Step::new("merge", command(merge))];
            steps.extend(Step::array(array, merge, count, 0));
        }
        steps
    }
}

impl PredictJob {
    fn words(&self) -> impl Iterator<Item = &String> {
        self.model.iter().chain([&self.input, &self.output]).chain(&self.options)
    }

    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["predict".to_owned(), self.input.clone(), "-o".into(), self.output.clone()];
        self.model.iter().for_each(|model| words.extend(["--model".into(), model.clone()]));
        words.extend(self.options.iter().cloned());
        words
    }
}

impl MeasureJob {
    fn words(&self) -> impl Iterator<Item = &String> {
        self.masks.iter().chain([&self.output]).chain(&self.options)
    }

    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["measure".to_owned()];
        words.extend(self.masks.iter().cloned());
        words.extend(["-o".into(), self.output.clone()]);
        words.extend(self.options.iter().cloned());
        words
    }
}

/// One step of the work: an array of jobs, or a single one.
#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    /// The words of the command.
    words: Vec<String>,
    /// The command, as a shell reads it.
    command: String,
    count: usize,
    gpus: usize,
    /// The command that ends an array of jobs.
    end: Vec<String>,
}

impl Step {
    fn new(name: &'static str, words: Vec<String>) -> Self {
        let command = words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
        Self { name, words, command, count: 1, gpus: 0, end: Vec::new() }
    }

    /// An array of jobs, and the one that ends it.
    fn array(array: Self, end: Self, count: usize, gpus: usize) -> [Self; 2] {
        [Self { count, gpus, end: end.words.clone(), ..array }, end]
    }
}

/// Writes a word so that a shell reads it as it is.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes the job files into a folder, and returns their paths; the last is the one to start.
///
/// # Errors
///
/// Fails if a file is there already and is not to be replaced, or cannot be written.
pub fn write_jobs(
    scheduler: Scheduler,
    config: &ClusterConfig,
    folder: &Path,
    overwrite: bool,
) -> Result<Vec<PathBuf>> {
    let templates = match scheduler {
        Scheduler::Slurm => SLURM,
        Scheduler::Kubernetes => KUBERNETES,
        Scheduler::Daisy => DAISY,
    };
    let steps = config.steps();
    let stem = |file: &str| file.split_once('.').map_or(file.to_owned(), |(stem, _)| stem.to_owned());
    let is_done = |file: &str| steps.iter().any(|step| step.name == stem(file)) || !is_a_step(&stem(file));
    let wanted: Vec<_> = templates.iter().filter(|(file, _)| is_done(file)).collect();
    let paths: Vec<PathBuf> = wanted.iter().map(|(file, _)| folder.join(file)).collect();
    if let Some(there) = paths.iter().find(|path| path.exists()).filter(|_| !overwrite) {
        let message = format!("`{}` exists already", there.display());
        return Err(UserError::new(
            message,
            "take another folder, or replace the job files with --overwrite",
        )
        .into());
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create folder `{}`", folder.display()))?;
    for ((file, template), path) in wanted.into_iter().zip(&paths) {
        let step = steps.iter().find(|step| step.name == stem(file));
        let text = rendered(template, config, &steps, step)?;
        write::bytes(path, text.as_bytes())?;
    }
    Ok(paths)
}

fn is_a_step(stem: &str) -> bool {
    ["predict", "finish", "measure", "merge"].contains(&stem)
}

fn rendered(template: &str, config: &ClusterConfig, steps: &[Step], step: Option<&Step>) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .context("job files cannot be filled in")?;
    environment.set_syntax(syntax);
    environment.add_filter("shell", |text: String| shell_word(&text));
    let values = context! { config => Serde(config), steps => Serde(steps), step => Serde(step) };
    environment.render_str(template, values).context("a job file cannot be filled in")
}
