//! `cargo xtask libtorch`: the link `.libtorch`, which cargo, the rpath and an editor use, points to a libtorch 2.11.0.
//!
//! It looks in `$LIBTORCH`, in the active Python, in the copy that checkouts share in the user's cache folder, and installs that copy last.

mod build;
mod install;
mod library;
mod pip;
mod python;
mod record;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, io};

use anyhow::{Context, Result};

use self::build::Build;
use self::library::Libtorch;
use crate::advice::Advised;
use crate::workspace;

/// The release that tch 0.24.0 is made for.
pub const VERSION: &str = "2.11.0";

/// The link in the workspace root that `.cargo/config.toml` names.
const LINK: &str = ".libtorch";

/// Arguments of `cargo xtask libtorch`.
#[derive(clap::Args)]
pub struct Args {
    /// Use a libtorch with CUDA, about 4 GB, instead of the one for the CPU
    #[arg(long)]
    cuda: bool,
}

/// Finds or installs libtorch and points the link to it.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let build = if args.cuda { Build::Cuda } else { Build::Cpu };
    let library = find_or_install(&workspace::root(), build)?;
    link(&workspace::root(), library.path())?;
    println!("{LINK} -> {} ({:.1} s)", library.path().display(), started.elapsed().as_secs_f64());
    Ok(())
}

/// Returns the folder of the copy in the cache folder, which has nothing but what was asked for: no other libtorch.
pub fn copy(cuda: bool) -> Result<PathBuf> {
    let (cache, build) = (cache_folder()?, if cuda { Build::Cuda } else { Build::Cpu });
    let library = install::installed(&cache, build).map_or_else(|| install::install(&cache, build), Ok)?;
    library.path().canonicalize().with_context(|| format!("cannot find `{}`", library.path().display()))
}

/// Makes sure that a build will find libtorch: a link that works stays as it is.
pub fn ensure() -> Result<()> {
    let linked = Libtorch::open(&workspace::root().join(LINK));
    if linked.is_ok() && chosen_by_user(&workspace::root(), env::var_os("LIBTORCH")).is_none() {
        return Ok(());
    }
    run(&Args { cuda: false })
}

/// Returns the folder that holds the link's `lib`, for programs that have no rpath.
pub fn library_folder() -> PathBuf {
    workspace::root().join(LINK).join("lib")
}

fn find_or_install(root: &Path, build: Build) -> Result<Libtorch> {
    if let Some(path) = chosen_by_user(root, env::var_os("LIBTORCH")) {
        println!("using $LIBTORCH, `{}`", path.display());
        // Cargo hands the variable to torch-sys whatever we link, so a bad one must not be passed over.
        return Libtorch::open(&path).and_then(|found| found.serving(build)).context(Advised::new(
            format!("$LIBTORCH is set to `{}`, which does not serve", path.display()),
            "unset LIBTORCH to let this command find or install one",
        ));
    }
    if let Some(path) = python::installed_torch() {
        match Libtorch::open(&path).and_then(|found| found.serving(build)) {
            Ok(library) => {
                println!("using the torch {VERSION} of the active Python");
                return Ok(library);
            }
            Err(reason) => println!("passing over the active Python's torch: {reason}"),
        }
    }
    let cache = cache_folder()?;
    if let Some(library) = install::installed(&cache, build) {
        println!("using the copy in the cache folder");
        return Ok(library);
    }
    install::install(&cache, build)
}

/// Returns `$LIBTORCH` where the user has set it.
///
/// `.cargo/config.toml` sets it to our own link for every program that cargo starts, this one included: that is no choice of the user's.
fn chosen_by_user(root: &Path, variable: Option<OsString>) -> Option<PathBuf> {
    let path = PathBuf::from(variable.filter(|value| !value.is_empty())?);
    let own = path.file_name().is_some_and(|name| name == LINK)
        && path.parent().and_then(|parent| parent.canonicalize().ok()) == root.canonicalize().ok();
    (!own).then_some(path)
}

/// Returns `em-cli` in the user's cache folder.
fn cache_folder() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache"))).ok_or_else(
            || Advised::new("no cache folder is known", "set HOME or XDG_CACHE_HOME to an absolute path"),
        )?;
    Ok(cache.join("em-cli"))
}

/// Points the link to `target` in one step, so that a build at the same time sees the old or the new one.
fn link(root: &Path, target: &Path) -> Result<()> {
    let link = root.join(LINK);
    let describe = || format!("cannot link `{}` to `{}`", link.display(), target.display());
    match fs::symlink_metadata(&link) {
        Ok(found) if !found.is_symlink() => {
            let hint = format!("move `{}` away and run this again", link.display());
            return Err(Advised::new(format!("`{}` is no link", link.display()), hint).into());
        }
        _ if fs::read_link(&link).is_ok_and(|current| current == target) => return Ok(()),
        _ => {}
    }
    let fresh = root.join(format!("{LINK}.{}", std::process::id()));
    symlink(target, &fresh).and_then(|()| fs::rename(&fresh, &link)).with_context(describe)
}

#[cfg(unix)]
pub fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
pub fn symlink(_target: &Path, _link: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this command makes links on Unix only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_that_cargo_sets_is_no_choice_of_the_user() {
        let root = tempfile::tempdir().unwrap();
        let choice = |value: &str| chosen_by_user(root.path(), Some(value.into()));
        assert_eq!(choice(root.path().join(".libtorch").to_str().unwrap()), None);
        assert_eq!(choice("/opt/libtorch"), Some("/opt/libtorch".into()));
        assert_eq!(choice("/elsewhere/.libtorch"), Some("/elsewhere/.libtorch".into()));
        assert_eq!(choice(""), None);
        assert_eq!(chosen_by_user(root.path(), None), None);
    }

    #[test]
    fn a_link_is_replaced_and_a_folder_is_not() {
        let root = tempfile::tempdir().unwrap();
        link(root.path(), Path::new("/old")).unwrap();
        link(root.path(), Path::new("/new")).unwrap();
        assert_eq!(fs::read_link(root.path().join(LINK)).unwrap(), Path::new("/new"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "no temporary link stays behind");

        fs::remove_file(root.path().join(LINK)).unwrap();
        fs::create_dir(root.path().join(LINK)).unwrap();
        let error = link(root.path(), Path::new("/new")).unwrap_err();
        assert!(error.to_string().ends_with("is no link"), "{error}");
    }
}
