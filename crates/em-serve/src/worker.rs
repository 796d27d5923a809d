//! The one thread that runs the network: tiles as they are asked for, places to propose while nothing is.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use em_io::Roi;
use em_pipeline::Result;
use em_pipeline::annotate::proposals::{self, Candidate, Proposal};
use em_pipeline::annotate::{
    NetworkSource, Request, SourceInfo, SourceName, StrokesPlan, Suggested, Suggester,
};
use ndarray::Array3;
use tokio::sync::oneshot;

use crate::locks::locked;

/// Places that are looked at while nothing is asked for.
const IDLE_PLACES: usize = 24;
/// Places of which one is chosen, at least.
const FEWEST_PLACES: usize = 12;
/// Draws after which the stack is taken as used up.
const MOST_DRAWS: u64 = 400;

/// What is asked of the thread.
enum Task {
    Tile { source: SourceName, place: [usize; 3], reply: oneshot::Sender<Result<Option<Arc<Array3<u8>>>>> },
    Suggested { request: Request, reply: oneshot::Sender<Result<Suggested>> },
    Propose { regions: Vec<Roi>, visited: Vec<Roi>, reply: oneshot::Sender<Result<Option<Proposal>>> },
    Score { regions: Vec<Roi>, reply: oneshot::Sender<Result<Vec<Option<f64>>>> },
    Strokes(StrokesPlan),
    Load(Box<dyn FnOnce() -> Result<Option<NetworkSource>> + Send>),
}

/// What is known of the sources without asking the thread.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Those that suggest.
    pub known: Vec<SourceInfo>,
    /// Whether a network is being read.
    pub is_loading: bool,
    /// Why there is no network.
    pub problem: Option<String>,
}

#[derive(Default)]
struct Shared {
    tasks: Mutex<VecDeque<Task>>,
    wake: Condvar,
    sources: Mutex<Sources>,
}

/// The thread, to be asked.
#[derive(Clone)]
pub struct Worker(Arc<Shared>);

impl Worker {
    /// Starts the thread.
    pub fn start(suggester: Suggester) -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            Thread { suggester, seen: Vec::new(), drawn: 0, shared: of_thread }.work()
        });
        Self(shared)
    }

    /// Returns what is known of the sources.
    pub fn sources(&self) -> Sources {
        locked(&self.0.sources).clone()
    }

    /// Lets a network be read, and be the source from then on.
    pub fn load(&self, load: impl FnOnce() -> Result<Option<NetworkSource>> + Send + 'static) {
        locked(&self.0.sources).is_loading = true;
        self.ask(Task::Load(Box::new(load)));
    }

    /// Lets it hear of what was painted.
    pub fn set_strokes(&self, strokes: StrokesPlan) {
        self.ask(Task::Strokes(strokes));
    }

    /// Returns a tile of suggestions; nobody computes what nobody waits for any more.
    pub async fn tile(&self, source: SourceName, place: [usize; 3]) -> Result<Option<Arc<Array3<u8>>>> {
        self.answer(|reply| Task::Tile { source, place, reply }).await.unwrap_or(Ok(None))
    }

    /// Returns what an action accepts or rejects.
    pub async fn suggested(&self, request: Request) -> Result<Suggested> {
        self.answer(|reply| Task::Suggested { request, reply }).await.unwrap_or(Ok(Suggested::default()))
    }

    /// Returns where another minute helps most, `None` where nothing suggests or all was looked at.
    pub async fn propose(&self, regions: Vec<Roi>, visited: Vec<Roi>) -> Result<Option<Proposal>> {
        self.answer(|reply| Task::Propose { regions, visited, reply }).await.unwrap_or(Ok(None))
    }

    /// Returns the Dice coefficient of the network in regions, of each class, as far as there is one.
    pub async fn score(&self, regions: Vec<Roi>) -> Result<Vec<Option<f64>>> {
        self.answer(|reply| Task::Score { regions, reply }).await.unwrap_or(Ok(Vec::new()))
    }

    async fn answer<T>(&self, task: impl FnOnce(oneshot::Sender<T>) -> Task) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.ask(task(reply));
        answer.await.ok()
    }

    fn ask(&self, task: Task) {
        locked(&self.0.tasks).push_back(task);
        self.0.wake.notify_one();
    }
}

struct Thread {
    suggester: Suggester,
    /// Places that were looked at with the network of now.
    seen: Vec<Candidate>,
    /// How many places were drawn, with any network.
    drawn: u64,
    shared: Arc<Shared>,
}

impl Thread {
    fn work(mut self) {
        loop {
            match self.next() {
                Some(task) => self.answer(task),
                None => {
                    // Nobody waits: what fails here fails again when it is asked for.
                    let _ = self.look(&[], &[]);
                }
            }
        }
    }

    /// Waits for a task; `None` where there is time to look around.
    fn next(&self) -> Option<Task> {
        let mut tasks = locked(&self.shared.tasks);
        loop {
            tasks.retain(|task| !task.is_given_up());
            // What was asked for last is what is looked at now; all else is rare, and goes first.
            let first = tasks.iter().position(|task| !matches!(task, Task::Tile { .. }));
            let task = match first {
                Some(place) => tasks.remove(place),
                None => tasks.pop_back(),
            };
            if task.is_some() {
                return task;
            }
            if self.suggester.has_network() && self.seen.len() < IDLE_PLACES && self.drawn < MOST_DRAWS {
                return None;
            }
            tasks = self.shared.wake.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&mut self, task: Task) {
        match task {
            Task::Tile { source, place, reply } => {
                let _ = reply.send(self.suggester.tile(source, place));
            }
            Task::Suggested { request, reply } => {
                let _ = reply.send(self.suggester.suggested(&request));
            }
            Task::Propose { regions, visited, reply } => {
                let _ = reply.send(self.propose(&regions, &visited));
            }
            Task::Score { regions, reply } => {
                let _ = reply.send(self.suggester.dice(&regions));
            }
            Task::Strokes(strokes) => self.suggester.set_strokes(strokes),
            Task::Load(load) => self.load(load()),
        }
        let mut sources = locked(&self.shared.sources);
        sources.known = self.suggester.sources();
    }

    fn load(&mut self, network: Result<Option<NetworkSource>>) {
        self.seen.clear();
        self.drawn = 0;
        let mut sources = locked(&self.shared.sources);
        sources.is_loading = false;
        match network {
            Ok(network) => {
                sources.problem = None;
                self.suggester.set_network(network);
            }
            Err(error) => {
                sources.problem =
                    Some(format!("the network cannot be used: {}", em_pipeline::with_causes(&error)));
                self.suggester.set_network(None);
            }
        }
    }

    /// Looks at the next place that touches none of those given; false where none is left.
    fn look(&mut self, regions: &[Roi], visited: &[Roi]) -> Result<bool> {
        while self.drawn < MOST_DRAWS {
            let roi = proposals::place(self.suggester.shape(), self.drawn);
            self.drawn += 1;
            let seen = self.seen.iter().map(|candidate| candidate.roi);
            let is_new = regions
                .iter()
                .chain(visited)
                .copied()
                .chain(seen)
                .all(|other| other != roi && !touches(other, roi));
            if is_new {
                let Some(candidate) = self.suggester.look(roi)? else { return Ok(false) };
                self.seen.push(candidate);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn propose(&mut self, regions: &[Roi], visited: &[Roi]) -> Result<Option<Proposal>> {
        let is_new = |candidate: &Candidate| {
            regions.iter().chain(visited).all(|other| !touches(*other, candidate.roi))
        };
        while self.seen.iter().filter(|candidate| is_new(candidate)).count() < FEWEST_PLACES {
            if !self.look(regions, visited)? {
                break;
            }
        }
        self.suggester.choose(&self.seen, regions, visited)
    }
}

fn touches(one: Roi, other: Roi) -> bool {
    one.intersection(other).is_some()
}

impl Task {
    fn is_given_up(&self) -> bool {
        match self {
            Self::Tile { reply, .. } => reply.is_closed(),
            Self::Suggested { reply, .. } => reply.is_closed(),
            Self::Propose { reply, .. } => reply.is_closed(),
            Self::Score { reply, .. } => reply.is_closed(),
            Self::Load(_) | Self::Strokes(_) => false,
        }
    }
}
