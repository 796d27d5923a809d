//! Finds the objects of a mask that is in memory, and measures them.
//!
//! ```sh
//! cargo run --release -p em-objects --example measure_mask
//! ```

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;

use em_objects::em_io::{Volume, Voxels};
use em_objects::ndarray::Array3;
use em_objects::{FindConfig, Objects, measure};

/// A mask `[z, y, x]` of 0 and 255: two balls, of 80 and 50 nm radius, in voxels of 10 x 5 x 5 nm.
fn balls() -> Array3<u8> {
    Array3::from_shape_fn((20, 40, 80), |(z, y, x)| {
        let place = [10.0 * z as f64, 5.0 * y as f64, 5.0 * x as f64];
        let is_inside = |x_nm: f64, radius_nm: f64| {
            let [z, y, x] = [place[0] - 95.0, place[1] - 95.0, place[2] - x_nm];
            z * z + y * y + x * x < radius_nm * radius_nm
        };
        255 * u8::from(is_inside(95.0, 80.0) || is_inside(300.0, 50.0))
    })
}

fn run() -> Result<(), Box<dyn Error>> {
    let volume = Volume::from_voxels(Voxels::from(balls()), Some([10.0, 5.0, 5.0]));
    let objects =
        Objects::find(&volume, FindConfig::default(), &std::env::temp_dir(), em_objects::unwatched)?;
    println!("object  voxels  volume/µm³  diameter/nm  sphericity");
    for object in measure(&objects, None, em_objects::unwatched)? {
        let size = object.physical.ok_or("the volume has no voxel size")?;
        let sphericity = size.sphericity.map_or("unknown".into(), |value| format!("{value:.2}"));
        println!(
            "{:6}  {:6}  {:10.5}  {:11.1}  {:>10}",
            object.id, object.voxels, size.volume_um3, size.equivalent_diameter_nm, sphericity
        );
    }
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}
