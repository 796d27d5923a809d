//! The calls that a state dict is made of; all others give an object that nobody looks into.

use super::{Id, Machine, Step, Storage, Value, View};

/// Axes of a tensor; those of convolutions have five.
const MOST_AXES: usize = 16;

impl Machine<'_> {
    pub(super) fn global(&mut self, opcode: u8) -> Step {
        let (module, name) = if opcode == b'c' {
            (self.line()?.to_owned(), self.line()?.to_owned())
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let text = |id: Id| match self.value(id) {
                Value::Text(text) => Ok(text.clone()),
                _ => Err("a class without a name".to_owned()),
            };
            (text(module)?, text(name)?)
        };
        self.spend(module.len() + name.len())?;
        self.push(Value::Global(format!("{module}.{name}")))
    }

    /// REDUCE, NEWOBJ and NEWOBJ_EX.
    pub(super) fn call(&mut self, opcode: u8) -> Step {
        if opcode == 0x92 {
            self.pop()?;
        }
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments) = self.value(arguments) else {
            return Err("a call without arguments".into());
        };
        let Value::Global(name) = self.value(callee) else {
            return self.push(Value::Object(callee));
        };
        match (name.as_str(), arguments.as_slice()) {
            ("collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", []) => {
                self.push(Value::Dict(Vec::new()))
            }
            ("collections.OrderedDict", &[pairs]) => {
                let pairs = self.pairs(pairs)?;
                self.spend(pairs.len() * size_of::<(Id, Id)>())?;
                self.push(Value::Dict(pairs))
            }
            // Its argument makes what is missing.
            ("collections.defaultdict", _) => self.push(Value::Dict(Vec::new())),
            ("torch._utils._rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                let view = self.view(storage, offset, [shape, strides])?;
                self.spend(view.as_ref().map_or(0, |view| 2 * view.shape.len() * size_of::<usize>()))?;
                self.push(view.map_or(Value::Object(callee), |view| Value::Tensor(Box::new(view))))
            }
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                &[tensor, ..],
            ) => self.push_id(tensor),
            ("torch.Size", &[items]) => self.push_id(items),
            _ => self.push(Value::Object(callee)),
        }
    }

    /// The pairs of a list of tuples.
    fn pairs(&self, list: Id) -> Step<Vec<(Id, Id)>> {
        let Value::List(items) = self.value(list) else { return Err("a table of no list".into()) };
        let pair = |&item: &Id| match self.value(item) {
            Value::Tuple(pair) | Value::List(pair) => match pair.as_slice() {
                &[key, value] => Ok((key, value)),
                _ => Err("a table of other than pairs".to_owned()),
            },
            _ => Err("a table of other than pairs".to_owned()),
        };
        items.iter().map(pair).collect()
    }

    /// A tensor; `None` where its numbers are of no storage that is known.
    fn view(&self, storage: Id, offset: Id, axes: [Id; 2]) -> Step<Option<View>> {
        if !matches!(self.value(storage), Value::Storage(_)) {
            return Ok(None);
        }
        let offset = self.size(offset)?;
        let [shape, strides] = axes.map(|axes| self.sizes(axes));
        let (shape, strides) = (shape?, strides?);
        if shape.len() != strides.len() {
            return Err(format!("a tensor of {} axes with {} strides", shape.len(), strides.len()));
        }
        Ok(Some(View { storage, offset, shape, strides }))
    }

    fn sizes(&self, id: Id) -> Step<Vec<usize>> {
        match self.value(id) {
            Value::Tuple(items) | Value::List(items) if items.len() <= MOST_AXES => {
                items.iter().map(|&item| self.size(item)).collect()
            }
            _ => Err(format!("a tensor without sizes of at most {MOST_AXES} axes")),
        }
    }

    fn size(&self, id: Id) -> Step<usize> {
        match self.value(id) {
            Value::Int(value) => usize::try_from(*value).map_err(|_| format!("a size {value}")),
            _ => Err("a size that is no number".into()),
        }
    }

    /// BINPERSID: `("storage", class, key, device, count)`, of `torch/serialization.py`, `persistent_id`.
    pub(super) fn persistent(&mut self) -> Step {
        let id = self.pop()?;
        let storage = match self.value(id) {
            Value::Tuple(items) => match items.as_slice() {
                &[tag, class, key, _, count] if matches!(self.value(tag), Value::Text(t) if t == "storage") => {
                    match (self.value(class), self.value(key)) {
                        (Value::Global(_), Value::Text(_)) => {
                            Some(Storage { class, key, count: self.size(count)? })
                        }
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        };
        self.push(storage.map_or(Value::Other, Value::Storage))
    }
}
