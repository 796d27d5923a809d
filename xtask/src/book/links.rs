//! Where the links of Markdown files and of built pages go, and which of them go nowhere.
//!
//! Nothing outside is asked: a link to an address is left as it is, but a page of the book may load nothing from one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// A page: what can be linked to within it, and where its links go.
#[derive(Debug, Default, PartialEq)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
    /// What is shown or run as a part of the page: pictures, scripts, styles.
    parts: Vec<String>,
}

/// Returns the links of the Markdown files below a folder whose file or heading is not there.
pub fn broken_in_markdown(folder: &Path) -> Result<Vec<String>> {
    broken(folder, pages(markdown_files(folder)?, of_markdown)?)
}

/// Returns the links of a built book that lead out of it or to no file or heading, and the parts of its pages that come from elsewhere.
pub fn broken_in_book(folder: &Path) -> Result<Vec<String>> {
    broken(folder, pages(files(folder, "html")?, of_html)?)
}

/// Returns the Markdown files below a folder that are part of the workspace.
pub fn markdown_files(folder: &Path) -> Result<Vec<PathBuf>> {
    files(folder, "md")
}

/// Returns the files of an ending, without hidden folders and those in which programs are built or installed.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read `{}`", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && !["target", "node_modules", "data", "runs"].contains(&&*name) {
                found.extend(files(&path, ending)?);
            }
        } else if path.extension().is_some_and(|is| is == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn pages(files: Vec<PathBuf>, read: fn(&str) -> Page) -> Result<BTreeMap<PathBuf, Page>> {
    let page = |file: PathBuf| {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        Ok((file, read(&text)))
    };
    files.into_iter().map(page).collect()
}

fn broken(folder: &Path, pages: BTreeMap<PathBuf, Page>) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (file, page) in &pages {
        let name = file.strip_prefix(folder).unwrap_or(file).display();
        for (target, is_part) in
            page.links.iter().map(|link| (link, false)).chain(page.parts.iter().map(|part| (part, true)))
        {
            if let Some(reason) = fault(folder, &pages, file, target, is_part) {
                broken.push(format!("{name}: `{target}` {reason}"));
            }
        }
    }
    Ok(broken)
}

/// What is wrong with a link of a page, if anything.
fn fault(
    folder: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    file: &Path,
    target: &str,
    is_part: bool,
) -> Option<&'static str> {
    if target.starts_with("data:") {
        return None;
    }
    if target.contains("://") || target.starts_with("//") || target.starts_with("mailto:") {
        return is_part.then_some("is loaded from elsewhere");
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = path.split('?').next().unwrap_or_default();
    let place = match path {
        "" => file.to_owned(),
        path => normal(&file.parent().unwrap_or(folder).join(decoded(path))),
    };
    if !place.starts_with(folder) {
        return Some("leads out of it");
    }
    if !place.exists() {
        return Some("is not there");
    }
    let page = pages.get(&place)?;
    (!anchor.is_empty() && !page.anchors.contains(&decoded(anchor))).then_some("has no such heading")
}

/// Removes `.` and `..` from a path, whether or not it exists.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
        normal
    })
}

/// Turns `%20` and its kin into what they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a page that mdBook wrote.
fn of_html(text: &str) -> Page {
    let mut page = Page::default();
    for tag in text.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic())) {
        let element = tag.split([' ', '>', '\n']).next().unwrap_or_default();
        for (name, value) in attributes(tag) {
            match name {
                "id" => drop(page.anchors.insert(value)),
                "href" if element == "link" => page.parts.push(value),
                "href" => page.links.push(value),
                "src" => page.parts.push(value),
                _ => {}
            }
        }
    }
    page
}

/// The attributes of a tag that have values in quotes; what follows the tag is left alone.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, String)> {
    let mut pieces = tag.split('"');
    std::iter::from_fn(move || {
        let name = pieces.next().filter(|name| !name.contains('>'))?.strip_suffix('=')?;
        let name = name.rsplit(char::is_whitespace).next()?;
        Some((name, pieces.next()?.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\"")))
    })
}

/// Reads a Markdown file: links as `[text](target)` outside of code, and headings by the names that browsers of repositories give them.
fn of_markdown(text: &str) -> Page {
    let mut page = Page::default();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            if let Some(heading) = line.strip_prefix('#') {
                let name = slug(heading.trim_start_matches('#').trim());
                // A heading that is there twice gets a number.
                let same = |name: &String| page.anchors.contains(name);
                let numbered = (1..).map(|number| format!("{name}-{number}"));
                let free = std::iter::once(name.clone()).chain(numbered).find(|name| !same(name));
                page.anchors.extend(free);
            }
            page.links.extend(targets(line));
        }
    }
    page
}

/// The targets of a line's links, without those in code.
fn targets(line: &str) -> Vec<String> {
    let words: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let after = words.split("](").skip(1);
    after.filter_map(|rest| Some(rest.split(')').next()?.split(' ').next()?.to_owned())).collect()
}

/// The name of a heading in links to it.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files of these names and texts.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn links_of_markdown_to_no_file_or_heading_are_found_and_code_is_none() {
        let text = "# A, b & `c d`!\n[x](#a-b--c-d) [y](sub/b.md#two) [z](https://a.org/b)\n`[v](none)`\n```\n[w](none)\n```\n";
        let good = folder(&[
            ("a.md", text),
            ("sub/b.md", "## One\n## Two\n[up](../a.md) ![p](p%20q.png)"),
            ("sub/p q.png", ""),
        ]);
        assert_eq!(broken_in_markdown(good.path()).unwrap(), Vec::<String>::new());

        let bad = folder(&[("a.md", "[x](#none) [y](b.md) [z](../a.md)\n![p](p.png \"title\")")]);
        let broken = broken_in_markdown(bad.path()).unwrap();
        let expected = [
            "a.md: `#none` has no such heading",
            "a.md: `b.md` is not there",
            "a.md: `../a.md` leads out of it",
            "a.md: `p.png` is not there",
        ];
        assert_eq!(broken, expected);
    }

    #[test]
    fn headings_of_one_name_are_numbered() {
        let page = of_markdown("# Keys\n## Keys\n");
        assert_eq!(page.anchors.into_iter().collect::<Vec<_>>(), ["keys", "keys-1"]);
    }

    #[test]
    fn a_built_page_is_read_by_its_attributes() {
        let text = r##"<h1 id="one"><a class="header" href="#one">One</a></h1><p>href="none"</p><img alt="a > b" src="p.png"><link rel="x" href="s.css">"##;
        let page = of_html(text);
        assert_eq!(page.anchors.into_iter().collect::<Vec<_>>(), ["one"]);
        assert_eq!(
            (page.links, page.parts),
            (vec!["#one".to_owned()], vec!["p.png".to_owned(), "s.css".to_owned()])
        );
    }

    #[test]
    fn a_book_that_asks_the_network_or_leads_nowhere_is_refused() {
        let text = r#"<a href="b.html#c">b</a><a href="https://a.org">a</a><script src="https://a.org/s.js"></script><img src="p.png">"#;
        let book = folder(&[("a.html", text), ("b.html", "<h2 id=\"b\">")]);
        let expected = [
            "a.html: `b.html#c` has no such heading",
            "a.html: `https://a.org/s.js` is loaded from elsewhere",
            "a.html: `p.png` is not there",
        ];
        assert_eq!(broken_in_book(book.path()).unwrap(), expected);
    }
}
