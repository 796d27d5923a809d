//! The code blocks of the documentation, and the command lines in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A block of code within a page.
pub struct Block {
    /// The first word behind the fence.
    pub language: String,
    pub lines: Vec<String>,
}

impl Block {
    /// Returns the command lines of a shell, without comments and prompts.
    pub fn commands(&self) -> Vec<String> {
        let is_shell = ["sh", "console"].contains(&self.language.as_str());
        let typed = |line: &String| match self.language.as_str() {
            "console" => line.strip_prefix("$ ").map(str::to_owned),
            _ => Some(line.clone()),
        };
        let lines = self.lines.iter().filter(|_| is_shell).filter_map(typed);
        let lines = lines.map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }
}

/// Returns the root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the names of the pages: the README of the workspace, and all of `docs/`.
pub fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    collect(Path::new("docs"), &mut pages);
    pages.sort();
    pages
}

fn collect(folder: &Path, pages: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = folder.join(entry.file_name());
        if entry.path().is_dir() {
            collect(&name, pages);
        } else if name.extension().is_some_and(|ending| ending == "md") {
            pages.push(name.to_str().unwrap().to_owned());
        }
    }
}

/// Returns the text of a page.
pub fn text(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// Returns the blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text(page).lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                let language = language.split([' ', ',']).next().unwrap_or_default().to_owned();
                open = Some(Block { language, lines: Vec::new() });
            }
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block of code has no end");
    blocks
}

/// Returns the words of a command line from `em-cli` on, which a launcher may stand before, to where its output goes.
pub fn em_cli(line: &str) -> Option<Vec<String>> {
    let words = shlex::split(line).unwrap_or_else(|| panic!("quotes do not match: {line}"));
    let start = words.iter().position(|word| word == "em-cli")?;
    // The one placeholder: a voxel size is numbers.
    let typed = |word: &String| if word == "Z,Y,X" { "30,5,5".to_owned() } else { word.clone() };
    Some(words[start..].iter().take_while(|word| *word != ">").map(typed).collect())
}
