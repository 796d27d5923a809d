//! A package of the BioImage Model Zoo: a ZIP archive of a description and the files that it names.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use em_io::hex;
use em_model::ExportedNetwork;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::ExportRequest;
use super::describe::{described, files};
use super::example::{Example, tiff};
use super::normalizing::Normalizing;
use super::npy;
use super::words::readme;
use crate::Observer;
use crate::error::{Context, Result};

/// Makes the bytes of a package.
pub(super) fn made(
    network: &ExportedNetwork,
    normalizing: &Normalizing,
    request: &ExportRequest,
    observer: &mut Observer<'_>,
) -> Result<Vec<u8>> {
    let example = Example::new(network, normalizing, request, observer)?;
    let (card, words) = (network.card(), &request.words);
    let name = words.name(&card.classes);
    let description = words.description(&card.architecture, &card.classes);
    let mut contents: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        (files::ONNX, network.onnx(normalizing.takes())?),
        (files::TORCHSCRIPT, network.torchscript(normalizing.takes())?),
        (files::TEST_INPUT, npy::written(example.grey.view())),
        (files::TEST_OUTPUT, npy::written(example.probabilities.view())),
        (files::SAMPLE_INPUT, tiff(example.stack_of_grey(), card.voxel_size_nm)?),
        (files::SAMPLE_OUTPUT, tiff(example.stack_of_probabilities(), card.voxel_size_nm)?),
        (files::COVER, example.cover(network)?),
        (files::README, readme(network, &name, &description, normalizing, &example.told).into_bytes()),
    ]);
    let digests = contents.iter().map(|(&name, bytes)| (name, hex(&Sha256::digest(bytes)))).collect();
    let rdf = described(network, words, normalizing, &digests);
    let rdf = serde_json::to_vec_pretty(&rdf).context("the description cannot be written as JSON")?;
    contents.insert(files::RDF, rdf);
    archive(&contents).context("the package cannot be made")
}

fn archive(contents: &BTreeMap<&str, Vec<u8>>) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in contents {
        // Weights hardly pack, and take long.
        let is_weights = [files::ONNX, files::TORCHSCRIPT].contains(name);
        let method = if is_weights { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method))?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}
