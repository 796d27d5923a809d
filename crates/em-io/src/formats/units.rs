//! The lengths of units, as metadata of chunked formats name them. It knows no format.

/// The length of a unit in nm: the names of UDUNITS-2 that OME-NGFF lists, and their symbols.
pub(crate) fn unit_nm(unit: &str) -> Option<f64> {
    match unit {
        // The letter and the sign of the unit look alike.
        "angstrom" | "ångström" | "\u{c5}" | "\u{212b}" => Some(0.1),
        "picometer" | "pm" => Some(1e-3),
        "nanometer" | "nm" => Some(1.0),
        "micrometer" | "micron" | "um" | "µm" | "μm" => Some(1e3),
        "millimeter" | "mm" => Some(1e6),
        "centimeter" | "cm" => Some(1e7),
        "inch" => Some(2.54e7),
        "meter" | "m" => Some(1e9),
        _ => None,
    }
}
