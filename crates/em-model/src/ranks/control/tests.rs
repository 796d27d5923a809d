//! Ranks as threads: what they say gets around, and whoever goes is missed.

use std::net::Ipv4Addr;

use super::*;

/// Connects so many ranks on this machine.
fn ranks(size: usize) -> Vec<Control> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let others: Vec<_> = (1..size)
        .map(|rank| thread::spawn(move || Control::call(rank, size, ("127.0.0.1", port)).unwrap().0))
        .collect();
    let (first, address) = Control::serve(&listener, size, Instant::now() + Duration::from_secs(20)).unwrap();
    assert!(address.is_loopback());
    std::iter::once(first).chain(others.into_iter().map(|other| other.join().unwrap())).collect()
}

/// Does something with all ranks at once, and returns what each came to.
fn all<T: Send>(ranks: &[Control], act: impl Fn(&Control) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> = ranks.iter().map(|rank| scope.spawn(move || act(rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn what_each_rank_says_is_heard_by_all() {
    let ranks = ranks(4);
    for round in 0..3 {
        let heard = all(&ranks, |rank| rank.exchange(vec![round, rank.rank as u8]).unwrap());
        let expected: Vec<Vec<u8>> = (0..4).map(|rank| vec![round, rank]).collect();
        assert!(heard.iter().all(|heard| *heard == expected), "{heard:?}");
    }
}

#[test]
fn all_hear_why_a_rank_leaves() {
    let mut ranks = ranks(3);
    let why = Why::Failed { message: "no memory".into(), hint: None };
    ranks.pop().unwrap().leave(why.clone());
    let heard = all(&ranks, |rank| rank.exchange(Vec::new()).unwrap_err());
    assert_eq!(heard, vec![Parting { rank: 2, why }; 2]);
}

#[test]
fn a_rank_whose_connection_breaks_is_lost_for_all() {
    let mut ranks = ranks(3);
    let lost = ranks.pop().unwrap();
    // As if it was killed: without a word.
    lost.shared.leaves.store(true, Ordering::Relaxed);
    lock(&lost.peers[&0].line.stream).shutdown(Shutdown::Both).unwrap();
    let heard = all(&ranks, |rank| rank.exchange(Vec::new()).unwrap_err());
    assert_eq!(heard, vec![Parting { rank: 2, why: Why::Lost }; 2]);
}

#[test]
fn a_lost_rank_0_is_noticed_by_the_others() {
    let mut ranks = ranks(3);
    let first = ranks.remove(0);
    first.shared.leaves.store(true, Ordering::Relaxed);
    for peer in first.peers.values() {
        lock(&peer.line.stream).shutdown(Shutdown::Both).unwrap();
    }
    let heard = all(&ranks, |rank| rank.exchange(Vec::new()).unwrap_err());
    assert_eq!(heard, vec![Parting { rank: 0, why: Why::Lost }; 2]);
}

#[test]
fn whoever_waits_for_tensors_is_told_that_a_rank_is_gone() {
    let mut ranks = ranks(2);
    let (sender, told) = channel();
    ranks[0].when_parted(move || sender.send(()).unwrap());
    ranks.pop().unwrap().leave(Why::Stopped);
    told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(ranks[0].parting(), Some(Parting { rank: 1, why: Why::Stopped }));
}

#[test]
fn ranks_that_do_not_come_are_counted() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let error = Control::serve(&listener, 3, Instant::now()).unwrap_err();
    assert_eq!(error.to_string(), "1 of 3 ranks came");
}
