//! `cargo xtask sbom`: what the program is made of, as CycloneDX 1.6: crates, libtorch and the packages of the pages.
//!
//! It has neither a time nor a random number, so that one tree gives one file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::libtorch;
use crate::workspace::{capture, cargo, root};

/// What is described.
const PROGRAM: &str = "em-cli";

/// For what it is built: other platforms link crates of their own.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Arguments of `cargo xtask sbom`.
#[derive(clap::Args)]
pub struct Args {
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "em-cli.cdx.json")]
    output: PathBuf,
}

/// Writes the list.
pub fn run(args: &Args) -> Result<()> {
    let (text, count) = text()?;
    let path = &args.output;
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("`{}`: {count} components", path.display());
    Ok(())
}

/// Returns the list, and the number of its components.
pub fn text() -> Result<(String, usize)> {
    let metadata = metadata()?;
    let lock = root().join("web/package-lock.json");
    let failed = || format!("cannot read `{}`", lock.display());
    let pages = serde_json::from_slice(&std::fs::read(&lock).with_context(failed)?).with_context(failed)?;
    let list = document(&metadata, &pages)?;
    let count = list["components"].as_array().map_or(0, Vec::len);
    Ok((serde_json::to_string_pretty(&list)? + "\n", count))
}

/// Returns what cargo knows of all packages.
pub fn metadata() -> Result<Value> {
    let metadata = capture(
        cargo(["metadata", "--locked", "--format-version", "1"]).args(["--filter-platform", PLATFORM]),
    )?;
    serde_json::from_str(&metadata).context("`cargo metadata` printed no JSON")
}

/// Returns the packages that a package of the workspace links, itself among them.
pub fn linked_by<'a>(metadata: &'a Value, name: &str) -> Result<Vec<&'a Value>> {
    let packages: Vec<&Value> = each(&metadata["packages"]).collect();
    let program = packages.iter().find(|package| package["name"] == name && package["source"].is_null());
    let id = program.and_then(|package| package["id"].as_str());
    let linked = linked(metadata, id.with_context(|| format!("the workspace has no package {name}"))?);
    Ok(packages.into_iter().filter(|p| p["id"].as_str().is_some_and(|id| linked.contains_key(id))).collect())
}

/// The document of what the program links and shows.
fn document(metadata: &Value, pages: &Value) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> =
        each(&metadata["packages"]).filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let program = packages.values().find(|package| package["name"] == PROGRAM);
    let program = program.context("the workspace has no package em-cli")?;
    let root_id = program["id"].as_str().context("a package without an id")?;
    let linked = linked(metadata, root_id);
    let mut components: Vec<Value> =
        linked.keys().filter(|id| **id != root_id).map(|id| of_crate(packages[id])).collect();
    components.push(of_libtorch());
    components.extend(of_pages(pages));
    let mut dependencies: Vec<Value> = linked
        .iter()
        .map(|(id, on)| {
            let on: Vec<String> = on.iter().map(|id| purl(packages[id])).collect();
            json!({ "ref": purl(packages[id]), "dependsOn": on })
        })
        .collect();
    dependencies.push(json!({ "ref": of_libtorch()["bom-ref"], "dependsOn": [] }));
    let mut application = of_crate(program);
    application["type"] = "application".into();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": application },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that a package links, however far away, each with those that it names: no tests, and nothing that
/// only builds.
fn linked<'a>(metadata: &'a Value, root_id: &'a str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let nodes: BTreeMap<&str, &Value> =
        each(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let mut linked = BTreeMap::new();
    let mut open = vec![root_id];
    while let Some(id) = open.pop() {
        if linked.contains_key(id) {
            continue;
        }
        let is_linked =
            |dependency: &&Value| each(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
        let deps = nodes.get(id).map(|node| &node["deps"]).into_iter().flat_map(each);
        let on: BTreeSet<&str> =
            deps.filter(is_linked).filter_map(|dependency| dependency["pkg"].as_str()).collect();
        open.extend(&on);
        linked.insert(id, on);
    }
    linked
}

fn of_crate(package: &Value) -> Value {
    let purl = purl(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "purl": purl,
    });
    if let Some(license) = package["license"].as_str() {
        // As it was written before SPDX had expressions.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    component
}

fn purl(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

/// The library that `cargo xtask libtorch` takes from Python's package.
fn of_libtorch() -> Value {
    let purl = format!("pkg:pypi/torch@{}", libtorch::VERSION);
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": "libtorch",
        "version": libtorch::VERSION,
        "purl": purl,
        "licenses": [{ "expression": "BSD-3-Clause" }],
    })
}

/// The packages of the pages: what is bundled into them, and what only builds and tests them as such.
fn of_pages(lock: &Value) -> Vec<Value> {
    let packages = lock["packages"].as_object().into_iter().flatten();
    let named = packages.filter_map(|(path, package)| Some((path.rsplit_once("node_modules/")?.1, package)));
    // A link to a folder of the workspace has neither version nor place.
    let versioned = named.filter_map(|(name, package)| Some((name, package["version"].as_str()?, package)));
    let mut components = BTreeMap::new();
    for (name, version, package) in versioned {
        let purl = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
        let mut component = json!({
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            // The page of view bundles Neuroglancer and what it is made of, which npm counts as development, too.
            "scope": if package["optional"] == true { "optional" } else { "required" },
        });
        if let Some(license) = package["license"].as_str() {
            component["licenses"] = json!([{ "expression": license }]);
        }
        components.insert(purl, component);
    }
    components.into_values().collect()
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Value {
        let package = |name: &str, license: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": license });
        let on = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [package("em-cli", "MIT"), package("a", "MIT/Apache-2.0"), package("b", "MIT"), package("test", "MIT")],
            "resolve": { "nodes": [
                { "id": "em-cli", "deps": [on("a", Value::Null), on("test", json!("dev"))] },
                { "id": "a", "deps": [on("b", Value::Null), on("test", json!("build"))] },
                { "id": "b", "deps": [] },
            ]},
        })
    }

    #[test]
    fn what_is_linked_is_listed_and_what_only_tests_or_builds_is_not() {
        let pages = json!({ "packages": {
            "": { "name": "pages" },
            "node_modules/@scope/page": { "version": "2.0.0", "license": "ISC" },
            "node_modules/icons": { "link": true },
        }});
        let list = document(&metadata(), &pages).unwrap();
        let refs: Vec<&str> = each(&list["components"]).filter_map(|c| c["bom-ref"].as_str()).collect();
        let torch = format!("pkg:pypi/torch@{}", libtorch::VERSION);
        assert_eq!(refs, ["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0", &torch, "pkg:npm/%40scope/page@2.0.0"]);
        assert_eq!(list["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(list["metadata"]["component"]["type"], "application");
        assert_eq!(list["dependencies"][1], json!({ "ref": "pkg:cargo/b@1.0.0", "dependsOn": [] }));
        // As the schema wants: every reference is that of one component, and none is there twice.
        let known: BTreeSet<&str> = refs.iter().copied().chain(["pkg:cargo/em-cli@1.0.0"]).collect();
        assert_eq!(known.len(), refs.len() + 1);
        for dependency in each(&list["dependencies"]) {
            let named = each(&dependency["dependsOn"]).chain([&dependency["ref"]]);
            assert!(named.filter_map(Value::as_str).all(|name| known.contains(name)), "{dependency}");
        }
    }
}
