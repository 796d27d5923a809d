//! MurmurHash3_x86_128 of one number, which spreads chunks over shards.
//!
//! Source: Austin Appleby's `MurmurHash3.cpp`, which is in the public domain.

const C: [u32; 4] = [0x239b_961b, 0xab0e_9789, 0x38b3_4ae5, 0xa1e3_8b93];

/// Returns the low 8 bytes of the hash of a number, written as 8 bytes from the lowest on, with seed 0.
pub(super) fn hash(key: u64) -> u64 {
    // Eight bytes are less than a block: they are mixed as its tail, the upper four first.
    let [low, high] = [key as u32, (key >> 32) as u32];
    let mut h = [0_u32; 4];
    h[1] ^= high.wrapping_mul(C[1]).rotate_left(16).wrapping_mul(C[2]);
    h[0] ^= low.wrapping_mul(C[0]).rotate_left(15).wrapping_mul(C[1]);
    h = h.map(|h| h ^ size_of::<u64>() as u32);
    h = mixed(h);
    h = mixed(h.map(finished));
    u64::from(h[0]) | u64::from(h[1]) << 32
}

fn mixed([first, second, third, fourth]: [u32; 4]) -> [u32; 4] {
    let sum = [second, third, fourth].into_iter().fold(first, u32::wrapping_add);
    [sum, second.wrapping_add(sum), third.wrapping_add(sum), fourth.wrapping_add(sum)]
}

fn finished(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}
