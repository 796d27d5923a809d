//! The font of all pictures; it comes with the program, so that it looks alike everywhere.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// The name under which the font is known to plotters.
pub const FONT: &str = "sans-serif";

/// Makes the font known; the first call does.
pub fn prepare() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the font that comes with the program is a font");
    });
}
