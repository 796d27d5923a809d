//! The server of `em-cli view`: a page around Neuroglancer, and what it asks for.
//!
//! | file | owns |
//! |---|---|
//! | `view/routes.rs` | the addresses, and how many are answered at once |
//! | `view/edits.rs` | those by which objects are corrected |
//! | `view/precomputed.rs` | Neuroglancer's metadata and the names of its chunks |

mod edits;
mod precomputed;
mod routes;

use std::sync::Arc;

use em_pipeline::Result;
use em_pipeline::view::View;

pub use self::routes::{Shown, routes};
use crate::address::Address;
use crate::host::{self, Host};
use crate::{guard, page};

/// Serves a view on the loopback address, on the port given or a free one, until `asked_to_end` says so.
///
/// `ready` is told the address of the page, with its secret, when it is answered.
///
/// # Errors
///
/// Fails if the port is taken.
pub fn serve_view(
    view: View,
    port: Option<u16>,
    ready: impl FnOnce(&str),
    asked_to_end: impl Fn() -> bool,
) -> Result<()> {
    let host = Host::listen(Address::new(port)?, port.is_some(), guard::VIEW_POLICY)?;
    let shown = Arc::new(Shown::new(view, None));
    let within = routes().with_state(Arc::clone(&shown));
    let runtime = host.serve(within, async || page::of_view("index.html"), ready, asked_to_end)?;
    shown.view.stop();
    host::give_up(runtime);
    Ok(())
}
