//! What can be wrong with an ONNX file, and with the application of one of its operators.

use tch::TchError;

use crate::error::Failure;

/// Why an ONNX file cannot be read. Whoever knows the file's path adds it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OnnxError {
    /// The bytes are no message of ONNX, or one without a graph.
    #[error("no ONNX network: {0}")]
    Bytes(String),

    /// The file is of operators older or newer than those that are known.
    #[error("ONNX operators of opset {found}, expected {oldest} to {newest}")]
    Opset {
        /// The file's version.
        found: i64,
        /// The oldest version that is known.
        oldest: i64,
        /// The newest version that is known.
        newest: i64,
    },

    /// Operators that nothing here computes, each with its first node.
    #[error("ONNX operators that are not known: {}", .0.join(", "))]
    Operators(Vec<String>),

    /// A node has a setting that nothing here computes.
    #[error("node {node} has {attribute} {found}, expected {expected}")]
    Attribute {
        /// The node, with its operator.
        node: String,
        /// The attribute.
        attribute: String,
        /// Its value.
        found: String,
        /// What is known.
        expected: String,
    },

    /// Nodes do not fit together.
    #[error("node {node} {problem}; the file is damaged")]
    Node {
        /// The node, with its operator.
        node: String,
        /// What is wrong.
        problem: String,
    },

    /// A tensor of the file cannot be had.
    #[error("tensor `{name}` {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },

    /// The graph as a whole is wrong.
    #[error("the graph {0}; the file is damaged")]
    Graph(String),
}

/// Why an operator cannot be applied to what a node takes.
#[derive(Debug)]
pub(super) enum Problem {
    /// libtorch refuses it.
    Torch(TchError),
    /// It is checked here.
    Refused(String),
    /// It is inside a branch, where the node is told already.
    Inside(Failure),
}

impl From<TchError> for Problem {
    fn from(error: TchError) -> Self {
        Self::Torch(error)
    }
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Refused(problem)
    }
}

impl From<&str> for Problem {
    fn from(problem: &str) -> Self {
        Self::Refused(problem.into())
    }
}
