//! The kinds of numbers that tensors are kept in, as 32-bit floats.

use half::{bf16, f16};

/// How a number is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    /// Of so many bytes; counters, which are no weights.
    Integer(usize),
}

impl Kind {
    /// The kind of a class of storages, as `torch.FloatStorage`.
    pub fn of_storage(class: &str) -> Option<Self> {
        Some(match class.strip_prefix("torch.")?.strip_suffix("Storage")? {
            "Half" => Self::F16,
            "BFloat16" => Self::Bf16,
            "Float" => Self::F32,
            "Double" => Self::F64,
            "Long" => Self::Integer(8),
            "Int" => Self::Integer(4),
            "Short" => Self::Integer(2),
            "Char" | "Byte" | "Bool" => Self::Integer(1),
            _ => return None,
        })
    }

    /// The kind of a tensor of a safetensors file.
    pub fn of_safetensors(kind: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype;
        Some(match kind {
            Dtype::F16 => Self::F16,
            Dtype::BF16 => Self::Bf16,
            Dtype::F32 => Self::F32,
            Dtype::F64 => Self::F64,
            Dtype::I64 | Dtype::U64 => Self::Integer(8),
            Dtype::I32 | Dtype::U32 => Self::Integer(4),
            Dtype::I16 | Dtype::U16 => Self::Integer(2),
            Dtype::I8 | Dtype::U8 | Dtype::BOOL => Self::Integer(1),
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Integer(bytes) => bytes,
        }
    }

    pub fn is_float(self) -> bool {
        !matches!(self, Self::Integer(_))
    }

    /// One number from its bytes, of which there are as many as it has; 0 for integers.
    pub fn number(self, bytes: &[u8], order: ByteOrder) -> f32 {
        let mut little = [0; 8];
        let length = bytes.len().min(8);
        match order {
            ByteOrder::Little => little[..length].copy_from_slice(&bytes[..length]),
            ByteOrder::Big => {
                little.iter_mut().zip(bytes.iter().rev()).for_each(|(to, &from)| *to = from);
            }
        }
        let [a, b, c, d, ..] = little;
        match self {
            Self::F16 => f16::from_le_bytes([a, b]).to_f32(),
            Self::Bf16 => bf16::from_le_bytes([a, b]).to_f32(),
            Self::F32 => f32::from_le_bytes([a, b, c, d]),
            // Networks compute in 32-bit floats, whatever their weights are kept in.
            Self::F64 => f64::from_le_bytes(little) as f32,
            Self::Integer(_) => 0.0,
        }
    }
}

/// In which order the bytes of a number lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}
