//! Mitochondria: bent tubes with round ends, some with a branch or another one that touches.

use super::super::config::MitochondriaConfig;
use super::super::noise::{Draws, Vector, add, dot, scale, subtract};

/// A mitochondrion near a point.
pub(in super::super) struct Near {
    /// Distance to its outer surface, negative inside.
    pub(in super::super) distance_nm: f32,
    /// The mitochondrion's own hash.
    pub(in super::super) key: u64,
}

/// A bent tube with round ends.
#[derive(Clone, Copy)]
pub(super) struct Mitochondrion {
    centre: Vector,
    axis: Vector,
    bend: Vector,
    half_length: f32,
    radius: f32,
    pub(super) key: u64,
}

/// Draws the mitochondrion of a seed; the second tube is its branch, or one that touches it.
pub(super) fn draw_mitochondria(
    draws: &mut Draws,
    config: &MitochondriaConfig,
    centre: Vector,
    pitch: f32,
) -> [Option<Mitochondrion>; 2] {
    let first = Mitochondrion::draw(draws, config, centre, pitch);
    let beside = draws.unit();
    let second = if beside < config.branched_share {
        // Of the same key, so that both are painted as one.
        Some(Mitochondrion { key: first.key, ..Mitochondrion::draw(draws, config, centre, pitch) })
    } else if beside < config.branched_share + config.touching_share {
        let other = Mitochondrion::draw(draws, config, centre, pitch);
        let away = scale(draws.direction(), first.radius + other.radius);
        Some(Mitochondrion { centre: add(centre, away), ..other })
    } else {
        None
    };
    [Some(first), second]
}

impl Mitochondrion {
    fn draw(draws: &mut Draws, config: &MitochondriaConfig, centre: Vector, pitch: f32) -> Self {
        let axis = draws.direction();
        let sideways = draws.direction();
        let along = dot(sideways, axis);
        let half_length = draws.between(config.half_length_nm[0], config.half_length_nm[1]);
        let bend = draws.between(0.0, 0.35) * half_length;
        let radius = draws.between(config.radius_nm[0], config.radius_nm[1]);
        Self {
            centre,
            axis,
            bend: scale(subtract(sideways, scale(axis, along)), bend),
            // So that the seed of every mitochondrion near a point is among the 27.
            half_length: half_length.min((pitch - radius).max(20.0)),
            radius,
            key: draws.bits(),
        }
    }

    pub(super) fn distance_nm(&self, point: Vector) -> f32 {
        let offset = subtract(point, self.centre);
        let along = dot(offset, self.axis).clamp(-self.half_length, self.half_length);
        let share = along / self.half_length;
        let nearest = add(scale(self.axis, along), scale(self.bend, share * share));
        let away = subtract(offset, nearest);
        dot(away, away).sqrt() - self.radius
    }
}
