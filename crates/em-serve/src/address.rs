//! The address of a page. That of a project stays the same while nobody takes its port, so that a page whose
//! server was started again finds it.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use em_pipeline::{Result, UserError};
use serde::{Deserialize, Serialize};

use crate::guard::Guard;
use crate::host::unheard;

/// A port and a secret; those of a project are kept in it, for its owner's eyes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// 0 is any that is free.
    pub port: u16,
    /// 32 hexadecimal digits.
    pub secret: String,
}

impl Address {
    /// Returns the address that a project had before, or a new one.
    ///
    /// # Errors
    ///
    /// Fails where the operating system has no random numbers.
    pub fn of(project: &Path, port: Option<u16>) -> Result<Self> {
        let known =
            std::fs::read(file(project)).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        let is_secret =
            |secret: &str| secret.len() == 32 && secret.bytes().all(|digit| digit.is_ascii_hexdigit());
        if let Some(known) = known.filter(|known| is_secret(&known.secret)) {
            return Ok(Self { port: port.unwrap_or(known.port), ..known });
        }
        Self::new(port)
    }

    /// Draws a new address.
    ///
    /// # Errors
    ///
    /// Fails where the operating system has no random numbers.
    pub fn new(port: Option<u16>) -> Result<Self> {
        let secret = Guard::new_secret()
            .map_err(|error| UserError::new(format!("no secret can be drawn: {error}"), "try again"))?;
        Ok(Self { port: port.unwrap_or(0), secret })
    }

    /// Listens on the port, or on a free one where it is taken and was not asked for.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be listened on.
    pub fn listen(&self, is_asked_for: bool) -> Result<TcpListener> {
        let listener = match TcpListener::bind(loopback(self.port)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && !is_asked_for => {
                TcpListener::bind(loopback(0))
            }
            listener => listener,
        };
        let listener = listener.map_err(|error| unheard(&error))?;
        listener.set_nonblocking(true).map_err(|error| unheard(&error))?;
        Ok(listener)
    }

    /// Keeps the address in the project, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn keep(&self, project: &Path) -> Result<()> {
        let path = file(project);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let json = serde_json::to_vec(self).unwrap_or_default();
        // Half a file is an address that nobody knows, and a new one is drawn.
        options.open(&path).and_then(|mut file| file.write_all(&json)).map_err(|error| {
            UserError::new(format!("`{}` cannot be written: {error}", path.display()), "free some space")
        })?;
        Ok(())
    }

    /// Returns what a browser opens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.secret)
    }
}

fn file(project: &Path) -> PathBuf {
    project.join("address.json")
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
