//! Nodes made ready: values have places in place of names, functions are written out, and constants are tensors.

use std::collections::{HashMap, HashSet};

use tch::Tensor;

use super::check::{IF, function_of, is_onnx, label, opset_of};
use super::data::tensor_of;
use super::error::{OnnxError, Problem};
use super::node::Node;
use super::operators::{Apply, operator};
use crate::export::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// How deep functions and branches may be inside each other.
const MAX_DEPTH: usize = 64;
/// How many nodes a network may have, with those of functions wherever they are used.
const MAX_NODES: usize = 1 << 18;
/// How many numbers may be written in nodes, likewise. Weights and other initializers do not count.
const MAX_NUMBERS: usize = 1 << 28;

/// Steps that give some values of others.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// How many values there are; each has a place below.
    pub values: usize,
    pub constants: Vec<(usize, Tensor)>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// A node with the places of its values.
#[derive(Debug)]
pub(super) struct Step {
    pub label: String,
    pub work: Work,
    pub attributes: Vec<AttributeProto>,
    pub opset: i64,
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<Option<usize>>,
    /// Values that no later step takes.
    pub done_with: Vec<usize>,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Work {
    /// It applies an operator.
    Apply(Apply),
    /// It takes a condition and everything that the branches take, and runs one of them.
    Branch { yes: Plan, no: Plan },
}

/// Places of values by their names.
type Places = HashMap<String, usize>;

/// What nodes know of the file, and of the function that they are inside.
#[derive(Clone, Copy)]
struct Around<'a> {
    model: &'a ModelProto,
    opset: i64,
    /// The attributes that the function is used with.
    attributes: &'a [AttributeProto],
    depth: usize,
}

/// What there is so far in all plans of a network.
#[derive(Default)]
struct Count {
    nodes: usize,
    numbers: usize,
}

/// Makes the plan of a file's graph, whose inputs are the given values.
pub(super) fn plan_of(model: &ModelProto, graph: &GraphProto, inputs: &[&str]) -> Result<Plan, OnnxError> {
    let opset = opset_of(&model.opset_import);
    let opset = opset.ok_or_else(|| OnnxError::Graph("does not tell the version of its operators".into()))?;
    let around = Around { model, opset, attributes: &[], depth: 0 };
    planned(graph, inputs, around, &mut Count::default())
}

fn planned(
    graph: &GraphProto,
    inputs: &[&str],
    around: Around<'_>,
    count: &mut Count,
) -> Result<Plan, OnnxError> {
    let mut planner = Planner { plan: Plan::default(), count };
    let mut places = Places::new();
    for &input in inputs {
        let place = planner.place(input, &mut places)?;
        planner.plan.inputs.push(place);
    }
    let given = |initializer: &&TensorProto| inputs.contains(&initializer.name.as_str());
    for initializer in graph.initializer.iter().filter(|initializer| !given(initializer)) {
        let place = planner.place(&initializer.name, &mut places)?;
        planner.plan.constants.push((place, tensor_of(initializer, None)?));
    }
    planner.nodes(&graph.node, &mut places, around)?;
    for output in &graph.output {
        let place = places.get(&output.name).copied();
        let missing = || OnnxError::Graph(format!("gives a value `{}` that no node gives", output.name));
        planner.plan.outputs.push(place.ok_or_else(missing)?);
    }
    planner.plan.find_last_uses();
    Ok(planner.plan)
}

struct Planner<'c> {
    plan: Plan,
    count: &'c mut Count,
}

impl Planner<'_> {
    /// A place for a new value.
    fn place(&mut self, name: &str, places: &mut Places) -> Result<usize, OnnxError> {
        let place = self.plan.values;
        self.plan.values += 1;
        name_place(name, place, places)?;
        Ok(place)
    }

    fn outputs(&mut self, node: &NodeProto, places: &mut Places) -> Result<Vec<Option<usize>>, OnnxError> {
        let mut place = |name: &String| (!name.is_empty()).then(|| self.place(name, places)).transpose();
        node.output.iter().map(&mut place).collect()
    }

    fn nodes(
        &mut self,
        nodes: &[NodeProto],
        places: &mut Places,
        around: Around<'_>,
    ) -> Result<(), OnnxError> {
        nodes.iter().try_for_each(|node| self.node(node, places, around))
    }

    fn node(&mut self, node: &NodeProto, places: &mut Places, around: Around<'_>) -> Result<(), OnnxError> {
        self.count.nodes += 1;
        if self.count.nodes > MAX_NODES || around.depth > MAX_DEPTH {
            let problem = format!("has more than {MAX_NODES} nodes, or {MAX_DEPTH} inside each other");
            return Err(OnnxError::Graph(problem));
        }
        let attributes = resolved(&node.attribute, around.attributes);
        if let Some(function) = function_of(around.model, node) {
            return self.function(function, node, places, Around { attributes: &attributes, ..around });
        }
        let (work, inputs) = match operator(&node.op_type).filter(|_| is_onnx(&node.domain)) {
            Some((apply, _)) if node.op_type == "Constant" => {
                return self.constant(node, constant_of(node, apply, &attributes)?, places);
            }
            Some((apply, _)) => (Work::Apply(apply), inputs_of(node, places)?),
            None if node.op_type == IF => self.branches(node, &attributes, places, around)?,
            None => return Err(OnnxError::Operators(vec![label(node)])),
        };
        let outputs = self.outputs(node, places)?;
        let (label, opset) = (label(node), around.opset);
        self.plan.steps.push(Step { label, work, attributes, opset, inputs, outputs, done_with: Vec::new() });
        Ok(())
    }

    fn constant(&mut self, node: &NodeProto, tensor: Tensor, places: &mut Places) -> Result<(), OnnxError> {
        self.count.numbers = self.count.numbers.saturating_add(tensor.numel());
        if self.count.numbers > MAX_NUMBERS {
            return Err(OnnxError::Graph(format!("has more than {MAX_NUMBERS} numbers in its nodes")));
        }
        for place in self.outputs(node, places)?.into_iter().flatten() {
            self.plan.constants.push((place, tensor.shallow_clone()));
        }
        Ok(())
    }

    /// Writes out the nodes of a function in place of one that stands for it.
    fn function(
        &mut self,
        function: &FunctionProto,
        node: &NodeProto,
        places: &mut Places,
        around: Around<'_>,
    ) -> Result<(), OnnxError> {
        let attributes = [around.attributes, &function.attribute_proto].concat();
        let opset = opset_of(&function.opset_import).unwrap_or(around.opset);
        let given = function.input.iter().zip(inputs_of(node, places)?);
        let mut inner: Places = given.filter_map(|(name, place)| Some((name.clone(), place?))).collect();
        // What is left out stands for nothing inside, as an empty name does.
        let left_out = function.input.iter().filter(|name| !inner.contains_key(*name));
        let left_out: HashSet<&str> = left_out.map(String::as_str).collect();
        let inside = Around { opset, attributes: &attributes, depth: around.depth + 1, ..around };
        for node in &function.node {
            self.node(&without(node, &left_out), &mut inner, inside)?;
        }
        for (name, outer) in function.output.iter().zip(&node.output).filter(|(_, outer)| !outer.is_empty()) {
            if let Some(place) = place_of(node, name, &inner)? {
                name_place(outer, place, places)?;
            }
        }
        Ok(())
    }

    /// Makes the plans of both branches; what they take follows the condition.
    fn branches(
        &mut self,
        node: &NodeProto,
        attributes: &[AttributeProto],
        places: &Places,
        around: Around<'_>,
    ) -> Result<(Work, Vec<Option<usize>>), OnnxError> {
        let graph = |name: &str| {
            let attribute = attributes.iter().find(|attribute| attribute.name == name);
            let missing = || damaged(node, &Problem::Refused(format!("has no {name}")));
            attribute.and_then(|attribute| attribute.g.as_ref()).ok_or_else(missing)
        };
        let (yes, no) = (graph("then_branch")?, graph("else_branch")?);
        let mut taken = Vec::new();
        collect_taken(yes, &mut taken);
        collect_taken(no, &mut taken);
        taken.retain(|name| places.contains_key(*name));
        taken.sort_unstable();
        taken.dedup();
        let mut inputs = inputs_of(node, places)?;
        inputs.truncate(1);
        inputs.extend(taken.iter().map(|name| places.get(*name).copied()));
        let inside = Around { depth: around.depth + 1, ..around };
        let yes = planned(yes, &taken, inside, self.count)?;
        let no = planned(no, &taken, inside, self.count)?;
        Ok((Work::Branch { yes, no }, inputs))
    }
}

impl Plan {
    /// Finds for each step the values that no later one takes.
    fn find_last_uses(&mut self) {
        let mut needed: HashSet<usize> = self.outputs.iter().copied().collect();
        for step in self.steps.iter_mut().rev() {
            let values: HashSet<usize> = step.inputs.iter().chain(&step.outputs).flatten().copied().collect();
            step.done_with = values.into_iter().filter(|&value| needed.insert(value)).collect();
        }
    }
}

/// Gives a place a name, which no other one has.
fn name_place(name: &str, place: usize, places: &mut Places) -> Result<(), OnnxError> {
    match places.insert(name.to_owned(), place) {
        None => Ok(()),
        Some(_) => Err(OnnxError::Graph(format!("has two values `{name}`"))),
    }
}

fn inputs_of(node: &NodeProto, places: &Places) -> Result<Vec<Option<usize>>, OnnxError> {
    node.input.iter().map(|name| place_of(node, name, places)).collect()
}

/// Where a value is that a node takes; nothing for one that is left out.
fn place_of(node: &NodeProto, name: &str, places: &Places) -> Result<Option<usize>, OnnxError> {
    if name.is_empty() {
        return Ok(None);
    }
    let problem = || Problem::Refused(format!("takes a value `{name}` that no node before it gives"));
    places.get(name).map(|&place| Some(place)).ok_or_else(|| damaged(node, &problem()))
}

/// Makes a constant when a file is read, so that it is not made again in each run.
fn constant_of(node: &NodeProto, apply: Apply, attributes: &[AttributeProto]) -> Result<Tensor, OnnxError> {
    // All versions of `Constant` are the same.
    let ready = Node { attributes, opset: 0, inputs: Vec::new(), outputs: 1 };
    let made = match apply {
        Apply::One(apply) => apply(&ready),
        Apply::Several(_) => Err("gives several values".into()),
    };
    made.map_err(|problem| damaged(node, &problem))
}

/// Attributes of a node, with the values of those that are the function's.
fn resolved(attributes: &[AttributeProto], around: &[AttributeProto]) -> Vec<AttributeProto> {
    let value = |attribute: &AttributeProto| match attribute.ref_attr_name.as_str() {
        "" => Some(attribute.clone()),
        name => {
            let value = around.iter().find(|value| value.name == name)?;
            Some(AttributeProto { name: attribute.name.clone(), ..value.clone() })
        }
    };
    attributes.iter().filter_map(value).collect()
}

/// A node without some of what it takes.
fn without(node: &NodeProto, left_out: &HashSet<&str>) -> NodeProto {
    let mut node = node.clone();
    for input in node.input.iter_mut().filter(|input| left_out.contains(input.as_str())) {
        input.clear();
    }
    node
}

/// Names of all values that a branch takes or gives.
fn collect_taken<'g>(graph: &'g GraphProto, taken: &mut Vec<&'g str>) {
    taken.extend(graph.output.iter().map(|output| output.name.as_str()));
    for node in &graph.node {
        taken.extend(node.input.iter().map(String::as_str));
        for branch in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            collect_taken(branch, taken);
        }
    }
}

fn damaged(node: &NodeProto, problem: &Problem) -> OnnxError {
    let problem = match problem {
        Problem::Refused(problem) => problem.clone(),
        other => format!("{other:?}"),
    };
    OnnxError::Node { node: label(node), problem }
}
