//! The archive of TorchScript around the script of a network.
//!
//! libtorch's own tracer would keep weights as constants, which do not follow the module to another device; here
//! they are its parameters. The layout is that of `torch.jit.save`: a script, a pickle of its attributes, and a file
//! for the numbers of each.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::ends::computed;
use super::pickle::{self, Attribute};
use super::script::{Script, attribute};
use super::{CARD_KEY, Takes};
use crate::error::Computed;
use crate::network::{Parameter, UNet};
use crate::run::checkpoint::bytes_of;
use crate::{Error, ModelCard};

/// Version of the layout that every PyTorch since 1.6 reads.
const VERSION: &str = "3\n";

/// Writes a network.
pub(super) fn written(net: &UNet, card: &ModelCard, takes: Takes) -> Computed<Vec<u8>> {
    let mut script = Script::new(net.parameters());
    let output = computed(net, card, takes, &mut script, "input".to_owned())?;
    let lines = script.into_lines();
    // Outputs that only a training needs are left out.
    let is_used = |parameter: &&Parameter| {
        let name = format!("self.{}", attribute(parameter));
        lines.iter().any(|line| line.split([',', ' ', '(', ')']).any(|word| word == name))
    };
    let parameters: Vec<&Parameter> = net.parameters().iter().filter(is_used).collect();
    let attributes = parameters.iter().enumerate().map(|(number, parameter)| Attribute {
        name: attribute(parameter),
        shape: parameter.tensor.size(),
        file: number.to_string(),
    });
    let attributes: Vec<Attribute> = attributes.collect();
    let mut files = vec![
        ("version".to_owned(), VERSION.into()),
        ("data.pkl".to_owned(), pickle::module(&attributes)),
        ("constants.pkl".to_owned(), pickle::NOTHING.into()),
        ("code/__torch__.py".to_owned(), code(&parameters, &lines, &output).into_bytes()),
        (format!("extra/{CARD_KEY}"), serde_json::to_vec_pretty(card).expect("a card is JSON")),
    ];
    for (parameter, attribute) in parameters.iter().zip(&attributes) {
        files.push((format!("data/{}", attribute.file), bytes_of(&parameter.tensor)?));
    }
    Ok(archive(&files)?)
}

/// The class of the module, as `torch.jit` reads it.
fn code(parameters: &[&Parameter], lines: &[String], output: &str) -> String {
    let names = |trains: bool| {
        let names = parameters.iter().filter(|parameter| parameter.trains == trains);
        names.map(|parameter| format!("\"{}\", ", attribute(parameter))).collect::<String>()
    };
    let (weights, statistics) = (names(true), names(false));
    let mut code = format!(
        "class Network(Module):\n  __parameters__ = [{weights}]\n  __buffers__ = [{statistics}]\n  \
         training : bool\n  _is_full_backward_hook : Optional[bool]\n"
    );
    for parameter in parameters {
        code += &format!("  {} : Tensor\n", attribute(parameter));
    }
    code += "  def forward(self: __torch__.Network,\n    input: Tensor) -> Tensor:\n";
    for line in lines {
        code += &format!("    {line}\n");
    }
    code + &format!("    return {output}\n")
}

fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Torch(format!("an archive cannot be made: {error}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // As they are, at places where numbers may be read from in place.
    let options =
        SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).with_alignment(64);
    for (name, bytes) in files {
        archive.start_file(format!("network/{name}"), options).map_err(|error| failed(&error))?;
        archive.write_all(bytes).map_err(|error| failed(&error))?;
    }
    Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
}
