//! The numbers that features are kept in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Device;

/// Numbers that features are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// `bf16` on processors with instructions for it, else `fp32`.
    Auto,
    /// 32-bit floats.
    Fp32,
    /// 16-bit floats with the range of 32-bit ones.
    Bf16,
}

impl Precision {
    pub(crate) fn kind(self, device: Device) -> tch::Kind {
        let has_instructions = || device == Device::Cpu && cpu_computes_bf16();
        match self {
            Self::Bf16 => tch::Kind::BFloat16,
            Self::Auto if has_instructions() => tch::Kind::BFloat16,
            _ => tch::Kind::Float,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_computes_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_computes_bf16() -> bool {
    false
}
