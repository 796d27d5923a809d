//! What ranks write to each other over TCP: one byte that says what it is, four of length, and the rest.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// The longest message that is read, so that a stranger's bytes allocate no more.
const LONGEST: usize = 1 << 28;

/// A message from one rank to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The first of a connection: the rank that calls.
    Hello(u32),
    /// What the ranks exchange.
    Data(Vec<u8>),
    /// The rank is alive.
    Beat,
    /// Why a rank, not always the one that writes, is no longer there.
    Parting(Parting),
}

/// Why a rank is no longer there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parting {
    pub rank: usize,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    /// It has done its part.
    Done,
    /// Its observer ended the training.
    Stopped,
    /// An error, and what to do about it.
    Failed { message: String, hint: Option<String> },
    /// Its connection broke, or it was silent for too long.
    Lost,
}

impl Message {
    /// Writes the message.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let (kind, payload) = match self {
            Self::Hello(rank) => (b'h', rank.to_le_bytes().to_vec()),
            Self::Data(bytes) => (b'd', bytes.clone()),
            Self::Beat => (b'b', Vec::new()),
            Self::Parting(parting) => (b'p', serde_json::to_vec(parting)?),
        };
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        // In one piece, so that a message is one packet.
        let mut bytes = vec![kind];
        bytes.extend(length.to_le_bytes());
        bytes.extend(payload);
        to.write_all(&bytes)
    }

    /// Reads the next message.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(io::Error::other(format!("a message of {length} bytes, expected at most {LONGEST}")));
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload)?;
        let unknown = || io::Error::other("a message that no rank writes");
        Ok(match kind {
            b'h' => Self::Hello(u32::from_le_bytes(payload.try_into().map_err(|_| unknown())?)),
            b'd' => Self::Data(payload),
            b'b' => Self::Beat,
            b'p' => Self::Parting(serde_json::from_slice(&payload)?),
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let failed = Why::Failed { message: "no memory".into(), hint: Some("take less".into()) };
        let messages = [
            Message::Hello(3),
            Message::Data(vec![1, 2, 3]),
            Message::Beat,
            Message::Parting(Parting { rank: 2, why: Why::Lost }),
            Message::Parting(Parting { rank: 0, why: failed }),
        ];
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.write(&mut bytes).unwrap());
        let mut rest = bytes.as_slice();
        let read: Vec<Message> = messages.iter().map(|_| Message::read(&mut rest).unwrap()).collect();
        assert_eq!(read, messages);
        assert!(rest.is_empty() && Message::read(rest).is_err());
    }

    #[test]
    fn what_no_rank_writes_is_refused() {
        assert!(Message::read([b'x', 0, 0, 0, 0].as_slice()).is_err());
        let error = Message::read([b'd', 255, 255, 255, 255].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a message of 4294967295 bytes, expected at most 268435456");
    }
}
