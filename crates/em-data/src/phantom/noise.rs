//! Hashes, smooth noise and small vector functions: everything random in the tissue comes from here.

/// A place or direction, `[z, y, x]`, in nanometres where nothing else is said.
pub(super) type Vector = [f32; 3];

/// Mixes a seed and a lattice point into 64 well-spread bits.
///
/// The finaliser is splitmix64's (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
pub(super) fn hash(seed: u64, [z, y, x]: [i32; 3]) -> u64 {
    let mut state = seed;
    for coordinate in [z, y, x] {
        // The sign is carried over: only the bit pattern matters here.
        state = splitmix(state ^ (coordinate as u32 as u64));
    }
    state
}

fn splitmix(state: u64) -> u64 {
    let mut bits = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A stream of numbers that belongs to one hash.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(hash: u64) -> Self {
        Self(hash)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = splitmix(self.0);
        self.0
    }

    /// Draws from `[0, 1)`, on a grid of 2^-24, the step of an `f32` just below 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 24) as f32
    }

    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Draws a direction of length 1, slightly more often towards the corners of a cube.
    pub(super) fn direction(&mut self) -> Vector {
        let v: Vector = std::array::from_fn(|_| self.between(-1.0, 1.0));
        let length = dot(v, v).sqrt();
        if length > 0.1 { scale(v, 1.0 / length) } else { [0.0, 0.0, 1.0] }
    }
}

/// Three independent smooth fields with values in -1..=1: random values on a cubic lattice, interpolated.
///
/// It remembers the lattice cell of the last question, because pixels are visited row by row.
pub(super) struct Noise {
    seed: u64,
    pitch_nm: f32,
    cell: Option<[i32; 3]>,
    corners: [Vector; 8],
}

impl Noise {
    pub(super) fn new(seed: u64, pitch_nm: f32) -> Self {
        Self { seed, pitch_nm, cell: None, corners: [[0.0; 3]; 8] }
    }

    pub(super) fn at(&mut self, position: Vector) -> Vector {
        let scaled = scale(position, 1.0 / self.pitch_nm);
        let cell = scaled.map(|v| v.floor() as i32);
        if self.cell != Some(cell) {
            self.cell = Some(cell);
            self.corners = std::array::from_fn(|corner| corner_values(self.seed, cell, corner));
        }
        let [tz, ty, tx]: Vector = std::array::from_fn(|axis| fade(scaled[axis] - cell[axis] as f32));
        let c = &self.corners;
        std::array::from_fn(|lane| {
            let row = |k: usize| mix(c[k][lane], c[k + 1][lane], tx);
            mix(mix(row(0), row(2), ty), mix(row(4), row(6), ty), tz)
        })
    }
}

/// Values at one corner of a lattice cell; bits 2, 1, 0 of `corner` step along z, y, x.
fn corner_values(seed: u64, [z, y, x]: [i32; 3], corner: usize) -> Vector {
    let stepped = |from: i32, bit: usize| from.wrapping_add(((corner >> bit) & 1) as i32);
    let bits = hash(seed, [stepped(z, 2), stepped(y, 1), stepped(x, 0)]);
    std::array::from_fn(|lane| {
        let twenty_bits = (bits >> (20 * lane)) & 0xf_ffff;
        twenty_bits as f32 / 524_288.0 - 1.0
    })
}

/// Maps 0..=1 to 0..=1 with no slope at the ends.
fn fade(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// Rises smoothly from 0 at `low` to 1 at `high`.
pub(super) fn ramp(low: f32, high: f32, value: f32) -> f32 {
    fade(((value - low) / (high - low)).clamp(0.0, 1.0))
}

/// A bump of height 1 at `centre` that reaches 0 at a distance of `half_width`.
pub(super) fn bump(centre: f32, half_width: f32, value: f32) -> f32 {
    1.0 - ramp(0.0, half_width, (value - centre).abs())
}

pub(super) fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn subtract(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn scale(a: Vector, factor: f32) -> Vector {
    a.map(|v| v * factor)
}

pub(super) fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
