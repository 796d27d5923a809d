//! Runs a plan: one step after another, each on tensors that earlier ones gave.

use tch::Tensor;

use super::error::Problem;
use super::node::{Answer, Node, numbers_of};
use super::operators::Apply;
use super::plan::{Plan, Step, Work};
use crate::Error;
use crate::error::{Computed, Failure};

impl Plan {
    /// Computes the outputs; `given` are the inputs, in their order.
    pub fn run(&self, given: &[&Tensor]) -> Computed<Vec<Tensor>> {
        let mut values: Vec<Option<Tensor>> = (0..self.values).map(|_| None).collect();
        for (place, constant) in &self.constants {
            values[*place] = Some(constant.shallow_clone());
        }
        for (&place, &tensor) in self.inputs.iter().zip(given) {
            values[place] = Some(tensor.shallow_clone());
        }
        for step in &self.steps {
            let made = step.apply(&values).map_err(|problem| step.failure(problem))?;
            for (place, tensor) in step.outputs.iter().zip(made) {
                if let Some(place) = *place {
                    values[place] = Some(tensor);
                }
            }
            for &place in &step.done_with {
                values[place] = None;
            }
        }
        let outputs = self.outputs.iter().map(|&place| values[place].as_ref().map(Tensor::shallow_clone));
        let outputs: Option<Vec<Tensor>> = outputs.collect();
        Ok(outputs
            .expect("each output is an input, a constant, or what a step gave, and none of them is let go"))
    }
}

impl Step {
    fn apply(&self, values: &[Option<Tensor>]) -> Answer<Vec<Tensor>> {
        let inputs = self.inputs.iter().map(|place| place.and_then(|place| values[place].as_ref()));
        let (attributes, opset, outputs) = (&self.attributes, self.opset, self.outputs.len());
        let node = Node { attributes, opset, inputs: inputs.collect(), outputs };
        let made = match &self.work {
            Work::Apply(Apply::One(apply)) => vec![apply(&node)?],
            Work::Apply(Apply::Several(apply)) => apply(&node)?,
            Work::Branch { yes, no } => branch(&node, yes, no)?,
        };
        if made.len() < outputs {
            return Err(format!("gives {} values, expected {outputs}", made.len()).into());
        }
        Ok(made)
    }

    /// Says at which node it was.
    fn failure(&self, problem: Problem) -> Failure {
        let problem = match problem {
            Problem::Inside(failure) => return failure,
            Problem::Refused(problem) => problem,
            Problem::Torch(error) => match Error::from(Failure::from(error)) {
                Error::Torch(reason) => {
                    return Error::Torch(format!("{reason} (at node {})", self.label)).into();
                }
                other => return other.into(),
            },
        };
        Error::OnnxNode { node: self.label.clone(), problem }.into()
    }
}

/// Runs one branch by the condition, on what both of them take.
fn branch(node: &Node<'_>, yes: &Plan, no: &Plan) -> Answer<Vec<Tensor>> {
    let condition = numbers_of(node.given(0)?)?;
    let [condition] = condition[..] else { return Err("takes a condition of several values".into()) };
    let chosen = if condition == 0.0 { no } else { yes };
    let given = (1..node.inputs.len()).map(|i| node.given(i)).collect::<Answer<Vec<_>>>()?;
    chosen.run(&given).map_err(Problem::Inside)
}
