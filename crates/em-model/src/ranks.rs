//! Several processes that train one network: who they are ([`Launch`]), their connections ([`Ranks`]), and the
//! part of a batch that each of them computes.
//!
//! Two ways lead from rank to rank: tensors go through libtorch's c10d (`c10d.rs`, `shim/`), and small
//! messages, beats that tell who is alive among them, over connections with rank 0 (`control.rs`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::Tensor;

#[cfg(not(feature = "distributed"))]
#[path = "ranks/absent.rs"]
mod c10d;
#[cfg(feature = "distributed")]
mod c10d;
mod control;
mod launch;
mod share;
mod wire;

pub(crate) use c10d::Norm;
use c10d::{Called, Group, Store};
use control::Control;
pub use launch::{Launch, Launcher};
pub(crate) use share::Share;
use wire::{Parting, Why};

use crate::error::Computed;
use crate::{Device, Error, Result};

/// The key under which rank 0 tells where it listens.
const PORT_KEY: &str = "control-port";

/// The variable by which a user tells Gloo its network interface.
const INTERFACE: &str = "GLOO_SOCKET_IFNAME";

/// This process as one of several that train a network together.
///
/// All ranks go through the same training: rank 0 with [`train`](crate::train()) or
/// [`resume`](crate::resume), the others with [`follow`](crate::follow). Whoever ends early
/// leaves with the reason ([`leave_failed`](Self::leave_failed), [`leave_stopped`](Self::leave_stopped)), so that the others end, too.
#[derive(Debug)]
pub struct Ranks {
    rank: usize,
    size: usize,
    device: Device,
    // Dropped in this order: whoever waits for this rank hears that it leaves before its connections break.
    control: Control,
    group: Arc<Group>,
    _store: Store,
}

impl Ranks {
    /// Connects this process with the other ranks; returns when all of them have come.
    ///
    /// # Errors
    ///
    /// [`Error::Ranks`] where they do not come in time, where rank 0 cannot be reached, or in a build
    /// without the feature `distributed`.
    pub fn connect(launch: &Launch, device: Device) -> Result<Self> {
        let Launch { rank, size, patience, store: address, .. } = launch;
        let (rank, size) = (*rank, *size);
        let place = format!("{}:{}", address.host, address.port);
        let refused = |doing: &str| {
            let doing = format!("rank {rank} of {size} cannot {doing}");
            move |reason: String| Error::Ranks { doing, reason: first_line(&reason) }
        };
        let doing =
            if address.serves { format!("wait for the others at {place}") } else { format!("reach {place}") };
        let store = Store::connect(address, size, *patience).map_err(refused(&doing))?;
        let (control, own) = if rank == 0 {
            open_line(&store, size, *patience).map_err(refused("wait for the others"))?
        } else {
            call_first(&store, (rank, size), &address.host).map_err(refused("reach rank 0"))?
        };
        // Tensors of the one kind would wait for those of the other.
        let kinds = control
            .exchange(vec![u8::from(matches!(device, Device::Cuda(_)))])
            .map_err(|_| refused("wait for the others")("another rank is gone".into()))?;
        if let Some(other) = kinds.iter().position(|kind| *kind != kinds[0]) {
            let difference = "another kind of device (a processor and a CUDA device)".into();
            return Err(Error::RanksDiffer { rank: other, of: size, difference });
        }
        let own = if std::env::var_os(INTERFACE).is_some() { String::new() } else { own.to_string() };
        let group = Group::new(&store, (rank, size), &own, device.torch()).map_err(|reason| {
            let error = refused("connect its tensors with those of the others")(reason);
            control.leave(Why::Failed { message: error.to_string(), hint: None });
            error
        })?;
        let group = Arc::new(group);
        // Not for longer than it is wanted: it ends with its owner, while the program is still whole.
        let waits = Arc::downgrade(&group);
        control.when_parted(move || {
            if let Some(group) = waits.upgrade() {
                group.abort();
            }
        });
        Ok(Self { rank, size, device, control, group, _store: store })
    }

    /// Returns the number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Returns the number of processes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns where this rank computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Tells whether this is rank 0, which writes the run's folder and tells how the training goes on.
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Tells the other ranks that the observer of this one has ended the training, and leaves them.
    pub fn leave_stopped(&self) {
        self.control.leave(Why::Stopped);
    }

    /// Tells the other ranks which error has ended this one, and what can be done about it, and leaves them.
    pub fn leave_failed(&self, message: &str, hint: Option<&str>) {
        self.control.leave(Why::Failed { message: message.to_owned(), hint: hint.map(str::to_owned) });
    }

    /// Tells whether this rank is the one to tell of an error that ended the training, so that it is told once:
    /// rank 0, or rank 1 where rank 0 was lost.
    pub fn is_teller(&self, error: Option<&Error>) -> bool {
        let lost_first = matches!(error, Some(Error::RankLost { rank: 0, .. }));
        if lost_first { self.rank == 1 } else { self.rank == 0 }
    }

    /// Brings what each rank says to all of them, in the order of the ranks.
    pub(crate) fn exchange(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        self.control.exchange(own).map_err(|parting| self.error_of(parting))
    }

    /// Ends the training on all ranks, after the same step, where the observer of any of them says so.
    pub(crate) fn agree(&self, answer: ControlFlow<()>) -> Result<()> {
        let all = self.exchange(vec![u8::from(answer.is_break())])?;
        if all.iter().all(|said| said == &[0]) { Ok(()) } else { Err(Error::Stopped) }
    }

    /// Adds tensors of one kind up over the ranks, in place.
    pub(crate) fn add_up(&self, tensors: &[Tensor]) -> Computed<()> {
        self.computed(self.group.all_reduce(tensors))
    }

    /// Replaces tensors of one kind by those of rank 0.
    pub(crate) fn spread(&self, tensors: &[Tensor]) -> Computed<()> {
        self.computed(self.group.broadcast(tensors))
    }

    /// What fails because a rank is gone says which, and why.
    fn computed<T>(&self, called: Called<T>) -> Computed<T> {
        called.map_err(|reason| match self.control.parting() {
            Some(parting) => self.error_of(parting).into(),
            None => Error::Torch(first_line(&reason)).into(),
        })
    }

    fn error_of(&self, Parting { rank, why }: Parting) -> Error {
        let of = self.size;
        match why {
            Why::Stopped => Error::Stopped,
            Why::Failed { message, hint } => Error::RankFailed { rank, of, message, hint },
            Why::Lost | Why::Done => Error::RankLost { rank, of, epochs: 0 },
        }
    }
}

/// Listens for the other ranks and tells where, as rank 0.
fn open_line(store: &Store, size: usize, patience: Duration) -> Called<(Control, IpAddr)> {
    let any = |address: IpAddr| TcpListener::bind((address, 0));
    let listener = any(Ipv6Addr::UNSPECIFIED.into())
        .or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))
        .map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    store.set(PORT_KEY, &port.to_string())?;
    Control::serve(&listener, size, Instant::now() + patience).map_err(|error| error.to_string())
}

/// Calls rank 0 where it says that it listens.
fn call_first(store: &Store, (rank, size): (usize, usize), host: &str) -> Called<(Control, IpAddr)> {
    let port = store.get(PORT_KEY)?;
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    Control::call(rank, size, (host, port)).map_err(|error| error.to_string())
}

/// libtorch appends where in its sources something failed, which says nothing to a user.
fn first_line(text: &str) -> String {
    let reason = text.split("Exception raised from").next().unwrap_or_default();
    reason.lines().next().unwrap_or_default().trim().to_owned()
}
