//! Python's pickles, as far as `torch.save` needs them: a machine that builds tables and runs nothing.
//!
//! A pickle is a program for a stack machine, which may call any function of Python.
//! Here the few calls that make up a state dict are known by their names; whatever else is called gives an
//! [`Value::Object`], of which nothing but its class is known. Values lie in one arena and name each other by
//! their places, so that neither depth nor cycles take a stack of ours.

mod calls;

/// More than the tables of any checkpoint take; numbers are not in them.
pub(super) const MOST_BYTES: u64 = 1 << 26;
/// About 130 MB of them.
const MOST_VALUES: usize = 1 << 22;
/// What instructions of a few bytes may copy, all together.
const MOST_COPIED_BYTES: usize = 1 << 26;

/// The place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// What a pickle builds.
#[derive(Debug)]
pub(super) enum Value {
    /// `None`, bytes, sets: nothing that a state dict needs.
    Other,
    Bool,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// Pairs in their order; of equal keys the last one counts.
    Dict(Vec<(Id, Id)>),
    /// A class or function, as `module.name`.
    Global(String),
    Storage(Storage),
    Tensor(Box<View>),
    /// What a call gave that is not known, with the place of the class or function.
    Object(Id),
}

/// Numbers in a file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// The place of the class that tells their kind.
    pub class: Id,
    /// The place of the name of the file.
    pub key: Id,
    pub count: usize,
}

/// A tensor as a view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The place of the storage.
    pub storage: Id,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// All that a pickle built, and which of it is the result.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    pub root: Id,
}

impl Pickle {
    pub fn get(&self, id: Id) -> &Value {
        // Ids come from the arena, which only grows.
        self.values.get(id.0 as usize).unwrap_or(&Value::Other)
    }

    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) | Value::Global(text) => Some(text),
            _ => None,
        }
    }
}

/// Builds what a pickle says.
///
/// # Errors
///
/// Tells, in words, what is wrong with the pickle.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine = Machine { bytes, ..Default::default() };
    loop {
        let at = machine.at;
        let step = machine.byte().and_then(|opcode| machine.step(opcode));
        match step {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root }),
            Err(problem) => return Err(format!("{problem}, at byte {at} of its pickle")),
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
    copied_bytes: usize,
}

type Step<T = ()> = Result<T, String>;

impl<'a> Machine<'a> {
    /// Does one step; returns the result at the end. Opcodes are those of `pickletools.py`.
    fn step(&mut self, opcode: u8) -> Step<Option<Id>> {
        match opcode {
            b'.' => return self.pop().map(Some),
            // PROTO and FRAME.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.mark()?,
            b'0' => self.drop_top()?,
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push_id(top)?;
            }
            b'N' | b']' | b'}' | b')' | 0x8f | 0x88 | 0x89 => self.constant(opcode)?,
            b'K' | b'M' | b'J' | 0x8a | 0x8b | b'G' | b'I' | b'L' | b'F' => self.number(opcode)?,
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'B' | b'C' | 0x8e | 0x96 => self.text(opcode)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(opcode)?,
            b'a' | b'e' | b's' | b'u' | 0x90 | 0x91 => self.filled(opcode)?,
            b't' | 0x85 | 0x86 | 0x87 | b'l' | b'd' => self.gathered(opcode)?,
            b'c' | 0x93 => self.global(opcode)?,
            b'R' | 0x81 | 0x92 => self.call(opcode)?,
            // BUILD: the state of a table or tensor is no part of it.
            b'b' => drop(self.pop()?),
            b'Q' => self.persistent()?,
            other => return Err(format!("an instruction 0x{other:02x} that `torch.save` does not write")),
        }
        Ok(None)
    }

    fn constant(&mut self, opcode: u8) -> Step {
        self.push(match opcode {
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            0x88 | 0x89 => Value::Bool,
            _ => Value::Other,
        })
    }

    fn number(&mut self, opcode: u8) -> Step {
        let value = match opcode {
            b'K' => Value::Int(self.take(1)?[0].into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a | 0x8b => {
                let length = if opcode == 0x8a { self.byte()?.into() } else { self.length::<4>()? };
                long(self.take(length)?)
            }
            b'G' => {
                self.take(8)?;
                Value::Other
            }
            b'F' => {
                self.line()?;
                Value::Other
            }
            // `I01\n` is True, which no shape has.
            _ => self.line()?.trim_end_matches('L').parse().map_or(Value::Other, Value::Int),
        };
        self.push(value)
    }

    fn text(&mut self, opcode: u8) -> Step {
        let length = match opcode {
            0x8c | b'U' | b'C' => self.byte()?.into(),
            b'X' | b'T' | b'B' => self.length::<4>()?,
            _ => self.length::<8>()?,
        };
        let bytes = self.take(length)?;
        let is_text = matches!(opcode, b'X' | 0x8c | 0x8d | b'U' | b'T');
        let text = if is_text { std::str::from_utf8(bytes).ok() } else { None };
        self.push(text.map_or(Value::Other, |text| Value::Text(text.to_owned())))
    }

    fn memo(&mut self, opcode: u8) -> Step {
        let place = match opcode {
            b'q' | b'h' => self.byte()?.into(),
            b'r' | b'j' => self.length::<4>()?,
            _ => self.memo.len(),
        };
        if matches!(opcode, b'h' | b'j') {
            let known = self.memo.get(place).copied().flatten();
            let known = known.ok_or_else(|| format!("a value {place} that was not kept before"))?;
            return self.push_id(known);
        }
        let top = self.top()?;
        if place >= MOST_VALUES {
            return Err(format!("a place {place} for a value, expected one below {MOST_VALUES}"));
        }
        if place >= self.memo.len() {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = Some(top);
        Ok(())
    }

    /// Puts what was pushed last into a list, table or set below it.
    fn filled(&mut self, opcode: u8) -> Step {
        let new = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        if opcode == 0x91 {
            return self.push(Value::Other);
        }
        let below = self.top()?;
        match self.values.get_mut(below.0 as usize) {
            Some(Value::List(items)) if matches!(opcode, b'a' | b'e') => items.extend(new),
            Some(Value::Dict(pairs)) if matches!(opcode, b's' | b'u') => pairs.extend(paired(&new)?),
            // A set, or an object whose items nobody reads.
            Some(Value::Other | Value::Object(_)) => {}
            _ => return Err("items for what holds none".into()),
        }
        Ok(())
    }

    fn gathered(&mut self, opcode: u8) -> Step {
        let items = match opcode {
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(count).filter(|&start| start >= self.floor());
                self.stack.split_off(start.ok_or_else(empty)?)
            }
            _ => self.since_mark()?,
        };
        self.push(match opcode {
            b'l' => Value::List(items),
            b'd' => Value::Dict(paired(&items)?),
            _ => Value::Tuple(items),
        })
    }

    fn value(&self, id: Id) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::Other)
    }

    /// Counts bytes that are copied from what is there already.
    fn spend(&mut self, bytes: usize) -> Step {
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > MOST_COPIED_BYTES {
            return Err("far more names and tables than a state dict has".into());
        }
        Ok(())
    }

    fn push(&mut self, value: Value) -> Step {
        if self.values.len() >= MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        // Fewer than `MOST_VALUES`.
        let id = Id(self.values.len() as u32);
        self.values.push(value);
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Step {
        if self.stack.len() >= MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values at once"));
        }
        self.stack.push(id);
        Ok(())
    }

    fn mark(&mut self) -> Step {
        if self.marks.len() >= MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} marks at once"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// How much of the stack lies below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Id> {
        if self.stack.len() <= self.floor() {
            return Err(empty());
        }
        self.stack.pop().ok_or_else(empty)
    }

    /// POP takes a mark where nothing lies above it.
    fn drop_top(&mut self) -> Step {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn top(&self) -> Step<Id> {
        if self.stack.len() <= self.floor() {
            return Err(empty());
        }
        self.stack.last().copied().ok_or_else(empty)
    }

    fn since_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("a mark that is not there")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| end())
    }

    fn length<const N: usize>(&mut self) -> Step<usize> {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(self.take(N)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| end())
    }

    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count)).ok_or_else(end)?;
        self.at += count;
        Ok(taken)
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(end)?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| "a name that is no text".into())
    }
}

fn paired(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err("a key without a value".into()),
    }
}

/// An integer of any length, little-endian, with a sign.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut whole = if negative { [0xff; 8] } else { [0; 8] };
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(whole))
}

fn empty() -> String {
    "an instruction that finds too few values".into()
}

fn end() -> String {
    "it ends too early".into()
}
