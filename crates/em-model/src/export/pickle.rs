//! The pickled module of a TorchScript archive: attributes that are tensors, and flags.
//!
//! Of the many opcodes of Python's pickle, protocol 2, these are the ones that such a table needs. Pickles are
//! written here and never read: reading one may run a program.

/// A tensor of 32-bit floats whose numbers are a file of the archive.
pub(super) struct Attribute {
    pub name: String,
    pub shape: Vec<i64>,
    /// The name of the file.
    pub file: String,
}

/// An empty tuple: the constants of a script that has none.
pub(super) const NOTHING: &[u8] = b"\x80\x02).";

/// Pickles a module of the class `__torch__.Network` that is not in training.
pub(super) fn module(attributes: &[Attribute]) -> Vec<u8> {
    let mut pickle = Pickle(b"\x80\x02".to_vec());
    pickle.class("__torch__", "Network");
    // An instance without arguments, then its state: a dictionary.
    pickle.0.extend(b")\x81}(");
    pickle.text("training");
    pickle.flag(false);
    pickle.text("_is_full_backward_hook");
    pickle.0.push(b'N');
    for attribute in attributes {
        pickle.text(&attribute.name);
        pickle.tensor(attribute);
    }
    // Ends the dictionary, gives it to the instance, ends the pickle.
    pickle.0.extend(b"ub.");
    pickle.0
}

struct Pickle(Vec<u8>);

impl Pickle {
    fn class(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        let bytes = u32::try_from(text.len()).expect("names are short");
        self.0.extend(bytes.to_le_bytes());
        self.0.extend(text.bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(if flag { 0x88 } else { 0x89 });
    }

    /// An integer, of any length that is needed.
    fn integer(&mut self, value: i64) {
        if let Ok(short) = i32::try_from(value) {
            self.0.push(b'J');
            self.0.extend(short.to_le_bytes());
        } else {
            self.0.extend([0x8a, 8]);
            self.0.extend(value.to_le_bytes());
        }
    }

    fn integers(&mut self, values: &[i64]) {
        self.0.push(b'(');
        values.iter().for_each(|&value| self.integer(value));
        self.0.push(b't');
    }

    /// A call of `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`.
    fn tensor(&mut self, attribute: &Attribute) {
        self.class("torch._utils", "_rebuild_tensor_v2");
        self.0.extend(b"((");
        // The storage, by a tuple that names it.
        self.text("storage");
        self.class("torch", "FloatStorage");
        self.text(&attribute.file);
        self.text("cpu");
        self.integer(attribute.shape.iter().product());
        self.0.extend(b"tQ");
        self.integer(0);
        self.integers(&attribute.shape);
        self.integers(&strides(&attribute.shape));
        self.flag(false);
        self.class("collections", "OrderedDict");
        self.0.extend(b")RtR");
    }
}

/// How far apart the numbers of each axis lie, the last axis fastest.
fn strides(shape: &[i64]) -> Vec<i64> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}
