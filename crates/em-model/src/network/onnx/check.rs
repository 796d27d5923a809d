//! Whether everything that a file asks for is known, before anything of it is made ready.

use std::collections::HashSet;

use super::data::kind_of;
use super::error::OnnxError;
use super::operators::{Apply, operator};
use crate::export::proto::{
    AttributeProto, AttributeType, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto,
};

/// Oldest version of ONNX's operators that is known: from it on, shapes are broadcast as everywhere else.
const OLDEST_OPSET: i64 = 7;
/// Newest version of ONNX's operators that is known.
const NEWEST_OPSET: i64 = 28;

/// The operator with branches, which is none of the table.
pub(super) const IF: &str = "If";

/// Finds the version of ONNX's own operators among those of a file or of a function.
pub(super) fn opset_of(imported: &[OperatorSetIdProto]) -> Option<i64> {
    imported.iter().find(|set| is_onnx(&set.domain)).map(|set| set.version)
}

/// Whether a set of operators is ONNX's own.
pub(super) fn is_onnx(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// Finds the function of a file that a node stands for.
pub(super) fn function_of<'m>(model: &'m ModelProto, node: &NodeProto) -> Option<&'m FunctionProto> {
    model.functions.iter().find(|function| {
        (&function.domain, &function.name, &function.overload)
            == (&node.domain, &node.op_type, &node.overload)
    })
}

/// A node as errors name it: by its own name, else by that of what it gives.
pub(super) fn label(node: &NodeProto) -> String {
    let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
    format!("`{}` ({})", name.map_or("", String::as_str), node.op_type)
}

/// Checks versions, operators and attributes of all nodes.
pub(super) fn check(model: &ModelProto, nodes: &[NodeProto]) -> Result<(), OnnxError> {
    let functions = model.functions.iter().filter_map(|function| opset_of(&function.opset_import));
    for found in opset_of(&model.opset_import).into_iter().chain(functions) {
        if !(OLDEST_OPSET..=NEWEST_OPSET).contains(&found) {
            return Err(OnnxError::Opset { found, oldest: OLDEST_OPSET, newest: NEWEST_OPSET });
        }
    }
    let mut all = Vec::new();
    collect(model, nodes, &mut HashSet::new(), &mut all);
    let mut seen = HashSet::new();
    let unknown = all.iter().filter(|node| !is_known(model, node));
    let unknown = unknown.filter(|node| seen.insert((&node.domain, &node.op_type)));
    let unknown: Vec<String> = unknown.map(|node| named(node)).collect();
    if !unknown.is_empty() {
        return Err(OnnxError::Operators(unknown));
    }
    all.into_iter().filter(|node| function_of(model, node).is_none()).try_for_each(check_node)
}

/// Collects nodes with those of their branches, and of the functions that they stand for.
fn collect<'m>(
    model: &'m ModelProto,
    nodes: &'m [NodeProto],
    functions: &mut HashSet<(&'m str, &'m str, &'m str)>,
    all: &mut Vec<&'m NodeProto>,
) {
    for node in nodes {
        all.push(node);
        for branch in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            collect(model, &branch.node, functions, all);
        }
        if let Some(function) = function_of(model, node)
            && functions.insert((&function.domain, &function.name, &function.overload))
        {
            collect(model, &function.node, functions, all);
        }
    }
}

fn is_known(model: &ModelProto, node: &NodeProto) -> bool {
    let own = is_onnx(&node.domain) && (node.op_type == IF || operator(&node.op_type).is_some());
    own || function_of(model, node).is_some()
}

/// An unknown operator with its set and its first node.
fn named(node: &NodeProto) -> String {
    let dot = if node.domain.is_empty() { "" } else { "." };
    let first = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
    let first = first.map_or("", String::as_str);
    format!("{}{dot}{} (first at node `{first}`)", node.domain, node.op_type)
}

fn check_node(node: &NodeProto) -> Result<(), OnnxError> {
    let refused = |attribute: &str, found: String, expected: String| {
        let (node, attribute) = (label(node), attribute.into());
        Err(OnnxError::Attribute { node, attribute, found, expected })
    };
    let Some((apply, known)) = operator(&node.op_type) else { return Ok(()) };
    let outputs = node.output.iter().skip(1).filter(|name| !name.is_empty()).count();
    if matches!(apply, Apply::One(_)) && outputs > 0 {
        return refused("outputs", (outputs + 1).to_string(), "1".into());
    }
    for attribute in &node.attribute {
        let name = attribute.name.as_str();
        if !known.split_whitespace().any(|known| known == name) {
            return refused("an attribute", name.into(), format!("none but: {known}"));
        }
        let found = written(attribute);
        if name == "to" {
            if i32::try_from(attribute.i).ok().and_then(kind_of).is_none()
                && attribute.ref_attr_name.is_empty()
            {
                return refused(name, found, "a type of floats or integers".into());
            }
        } else if let Some(values) = values_of(&node.op_type, name)
            && attribute.ref_attr_name.is_empty()
            && !values.contains(&found.as_str())
        {
            return refused(name, found, values.join(", "));
        }
    }
    Ok(())
}

/// The values that an attribute may have, where not all of ONNX are known.
fn values_of(operator: &str, attribute: &str) -> Option<&'static [&'static str]> {
    Some(match (operator, attribute) {
        (_, "auto_pad") => &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
        ("BatchNormalization", "training_mode") => &["0"],
        ("BatchNormalization", "spatial") => &["1"],
        ("Gelu", "approximate") => &["none", "tanh"],
        ("DepthToSpace" | "SpaceToDepth", "mode") => &["DCR", "CRD"],
        ("Pad", "mode") => &["constant", "reflect", "edge", "wrap"],
        ("ScatterND" | "ScatterElements", "reduction") => &["none", "add"],
        ("Upsample", "mode") => &["nearest", "linear"],
        ("Resize", "mode") => &["nearest", "linear", "cubic"],
        ("Resize", "antialias") => &["0"],
        ("Resize", "nearest_mode") => &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
        ("Resize", "keep_aspect_ratio_policy") => &["stretch", "not_larger", "not_smaller"],
        ("Resize", "coordinate_transformation_mode") => &[
            "half_pixel",
            "pytorch_half_pixel",
            "half_pixel_symmetric",
            "align_corners",
            "asymmetric",
            "tf_half_pixel_for_nn",
        ],
        _ => return None,
    })
}

/// An attribute's text or integer, as an error names it.
fn written(attribute: &AttributeProto) -> String {
    if attribute.r#type == AttributeType::Int as i32 {
        attribute.i.to_string()
    } else {
        String::from_utf8_lossy(&attribute.s).into_owned()
    }
}
