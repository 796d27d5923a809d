//! The connections of each rank with rank 0: small messages, beats that tell who is alive, and why a rank is
//! no longer there. Tensors go another way (`c10d.rs`).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{Message, Parting, Why};

/// How often a rank says that it is alive.
const BEAT: Duration = Duration::from_secs(3);

/// A rank that is silent for so long is lost; its machine may have vanished without a word.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a rank that waits for one looks whether another is gone.
const LOOK: Duration = Duration::from_millis(100);

/// How long why a rank is gone may take to get around, where something else failed because of it.
const NEWS: Duration = Duration::from_secs(10);

/// The ranks as small messages are sent between them.
#[derive(Debug)]
pub(super) struct Control {
    rank: usize,
    size: usize,
    /// Rank 0 has all others, and the others have rank 0.
    peers: BTreeMap<usize, Peer>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Peer {
    line: Arc<Line>,
    inbox: Mutex<Receiver<Vec<u8>>>,
}

/// What all threads of a rank know.
#[derive(Debug, Default)]
struct Shared {
    /// The first rank that is no longer there.
    parted: Mutex<Option<Parting>>,
    /// Whether this rank leaves, and silence of the others means nothing any more.
    leaves: AtomicBool,
    lines: OnceLock<Vec<Arc<Line>>>,
}

/// A connection, to which several threads write.
#[derive(Debug)]
struct Line {
    peer: usize,
    stream: Mutex<TcpStream>,
}

impl Line {
    fn write(&self, message: &Message) -> io::Result<()> {
        message.write(&mut *lock(&self.stream))
    }
}

impl Shared {
    /// Notes that a rank is gone, unless one went before.
    fn note(&self, parting: Parting) {
        lock(&self.parted).get_or_insert(parting);
    }

    fn parted(&self) -> Option<Parting> {
        lock(&self.parted).clone()
    }

    /// Writes to all ranks that this one is connected with, but for one; one that is gone reads nothing.
    fn tell(&self, message: &Message, but_for: Option<usize>) {
        for line in self.lines.get().into_iter().flatten().filter(|line| Some(line.peer) != but_for) {
            let _ = line.write(message);
        }
    }
}

impl Control {
    /// Waits for the other ranks, as rank 0. Returns this machine's address as they reach it, too.
    ///
    /// Fails with what went wrong if they have not come before `deadline`.
    pub fn serve(listener: &TcpListener, size: usize, deadline: Instant) -> io::Result<(Self, IpAddr)> {
        listener.set_nonblocking(true)?;
        let mut streams = BTreeMap::new();
        let mut beaten = Instant::now();
        while streams.len() + 1 < size {
            // Those that came first wait, and would take silence for a loss.
            if beaten.elapsed() >= BEAT {
                streams.values().for_each(|stream| drop(Message::Beat.write(stream)));
                beaten = Instant::now();
            }
            if Instant::now() >= deadline {
                let came = streams.len() + 1;
                return Err(io::Error::other(format!("{came} of {size} ranks came")));
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    // Whoever says nothing, or nothing that a rank says, is none.
                    if let Ok(rank) = welcome(&stream, size) {
                        streams.insert(rank, stream);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(LOOK / 10),
                Err(error) => return Err(error),
            }
        }
        // Ranks on this machine may come over the loopback, which those of other machines cannot reach.
        let mut addresses =
            streams.values().filter_map(|stream| Some(stream.local_addr().ok()?.ip().to_canonical()));
        let first = addresses.next().ok_or_else(|| io::Error::other("there is no other rank"))?;
        let address = std::iter::once(first).chain(addresses).find(|ip| !ip.is_loopback()).unwrap_or(first);
        Ok((Self::over(0, size, streams)?, address))
    }

    /// Calls rank 0. Returns this machine's address as the other ranks reach it, too.
    pub fn call(rank: usize, size: usize, (host, port): (&str, u16)) -> io::Result<(Self, IpAddr)> {
        let stream = TcpStream::connect((host, port))?;
        let address = stream.local_addr()?.ip().to_canonical();
        let own = u32::try_from(rank).map_err(io::Error::other)?;
        Message::Hello(own).write(&stream)?;
        Ok((Self::over(rank, size, BTreeMap::from([(0, stream)]))?, address))
    }

    fn over(rank: usize, size: usize, streams: BTreeMap<usize, TcpStream>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (mut peers, mut lines) = (BTreeMap::new(), Vec::new());
        for (peer, stream) in streams {
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(SILENCE))?;
            stream.set_write_timeout(Some(SILENCE))?;
            let (sender, inbox) = channel();
            let (reader, knows) = (stream.try_clone()?, Arc::clone(&shared));
            thread::spawn(move || listen(&reader, peer, &knows, &sender));
            let line = Arc::new(Line { peer, stream: Mutex::new(stream) });
            lines.push(Arc::clone(&line));
            peers.insert(peer, Peer { line, inbox: Mutex::new(inbox) });
        }
        // Nobody has set them before.
        let _ = shared.lines.set(lines);
        let knows = Arc::clone(&shared);
        thread::spawn(move || beat(&knows));
        Ok(Self { rank, size, peers, shared })
    }

    /// Calls `act` once where a rank is found to be gone before this one leaves.
    pub fn when_parted(&self, act: impl FnOnce() + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            while !shared.leaves.load(Ordering::Relaxed) {
                if shared.parted().is_some() {
                    return act();
                }
                thread::sleep(LOOK);
            }
        });
    }

    /// Brings what each rank says to all of them, in the order of the ranks.
    ///
    /// # Errors
    ///
    /// Why a rank is no longer there.
    pub fn exchange(&self, own: Vec<u8>) -> std::result::Result<Vec<Vec<u8>>, Parting> {
        if self.rank == 0 {
            let mut all = vec![own];
            for rank in 1..self.size {
                all.push(self.receive(rank)?);
            }
            let bytes = serde_json::to_vec(&all).expect("lists of bytes are JSON");
            for rank in 1..self.size {
                self.send(rank, &bytes)?;
            }
            return Ok(all);
        }
        self.send(0, &own)?;
        let bytes = self.receive(0)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("rank 0 said what no rank says: {error}");
            Parting { rank: 0, why: Why::Failed { message, hint: None } }
        })
    }

    fn send(&self, rank: usize, bytes: &[u8]) -> std::result::Result<(), Parting> {
        let sent = self.peers[&rank].line.write(&Message::Data(bytes.to_vec()));
        sent.map_err(|_| self.parting().unwrap_or(Parting { rank, why: Why::Lost }))
    }

    fn receive(&self, rank: usize) -> std::result::Result<Vec<u8>, Parting> {
        let inbox = lock(&self.peers[&rank].inbox);
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(bytes) => return Ok(bytes),
                Err(RecvTimeoutError::Timeout) => match self.shared.parted() {
                    Some(parting) => return Err(parting),
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.parting().unwrap_or(Parting { rank, why: Why::Lost }));
                }
            }
        }
    }

    /// Why a rank is no longer there, where one is not; waits for the news for a moment.
    pub fn parting(&self) -> Option<Parting> {
        let started = Instant::now();
        while started.elapsed() < NEWS {
            if let Some(parting) = self.shared.parted() {
                return Some(parting);
            }
            thread::sleep(LOOK);
        }
        None
    }

    /// Tells the other ranks why this one goes, and goes. Only the first call does.
    pub fn leave(&self, why: Why) {
        if self.shared.leaves.swap(true, Ordering::Relaxed) {
            return;
        }
        self.shared.tell(&Message::Parting(Parting { rank: self.rank, why }), None);
        for peer in self.peers.values() {
            // What was written is still delivered.
            let _ = lock(&peer.line.stream).shutdown(Shutdown::Write);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A rank that panics has done nothing that others could go on with.
        self.leave(if thread::panicking() { Why::Lost } else { Why::Done });
    }
}

/// Reads which rank calls.
fn welcome(stream: &TcpStream, size: usize) -> io::Result<usize> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(BEAT))?;
    match Message::read(stream)? {
        Message::Hello(rank) if (1..size).contains(&(rank as usize)) => Ok(rank as usize),
        _ => Err(io::Error::other("no rank of this training")),
    }
}

/// Reads what a rank writes, for as long as it is there.
fn listen(stream: &TcpStream, peer: usize, shared: &Shared, inbox: &Sender<Vec<u8>>) {
    loop {
        let parting = match Message::read(stream) {
            // Whoever leaves reads nothing more.
            Ok(Message::Data(bytes)) => match inbox.send(bytes) {
                Ok(()) => continue,
                Err(_) => return,
            },
            Ok(Message::Beat | Message::Hello(_)) => continue,
            Ok(Message::Parting(Parting { why: Why::Done, rank })) if rank == peer => return,
            Ok(Message::Parting(parting)) => parting,
            Err(_) => Parting { rank: peer, why: Why::Lost },
        };
        if !shared.leaves.load(Ordering::Relaxed) {
            shared.note(parting.clone());
            shared.tell(&Message::Parting(parting), Some(peer));
        }
        return;
    }
}

/// Says that this rank is alive until it leaves.
fn beat(shared: &Shared) {
    while !shared.leaves.load(Ordering::Relaxed) {
        shared.tell(&Message::Beat, None);
        thread::sleep(BEAT);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No thread leaves anything half-done that another one would find.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
