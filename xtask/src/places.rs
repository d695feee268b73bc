//! Where things are: the repository's root, the target directory and what `setup` puts below it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Tests read these two; unset, they look at the same fixed places below the target directory.
pub(crate) const CLIENTS_PYTHON_VAR: &str = "GREENLINE_CLIENTS_PYTHON";
pub(crate) const CLIENTS_NODE_MODULES_VAR: &str = "GREENLINE_CLIENTS_NODE_MODULES";

/// The directories a task works in.
pub(crate) struct Places {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Places {
    /// Finds them from this executable, so that `CARGO_TARGET_DIR` and Cargo's own configuration are both obeyed.
    pub(crate) fn find() -> Result<Places> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent directory")?
            .to_path_buf();
        let executable = env::current_exe().context("cannot find this executable")?;
        // <target>/<profile>/xtask
        let target = executable
            .ancestors()
            .nth(2)
            .with_context(|| format!("`{}` is not below a target directory", executable.display()))?
            .to_path_buf();
        Ok(Places { root, target })
    }

    /// The Python and Node packages for the real SDK clients.
    pub(crate) fn clients(&self) -> PathBuf {
        self.target.join("clients")
    }

    pub(crate) fn clients_venv(&self) -> PathBuf {
        self.clients().join("venv")
    }

    pub(crate) fn clients_python(&self) -> PathBuf {
        self.clients_venv().join("bin/python")
    }

    pub(crate) fn clients_node(&self) -> PathBuf {
        self.clients().join("node")
    }

    pub(crate) fn clients_node_modules(&self) -> PathBuf {
        self.clients_node().join("node_modules")
    }

    /// Development tools that come as Python packages, apart from the clients so that neither disturbs the other.
    pub(crate) fn tools_venv(&self) -> PathBuf {
        self.target.join("tools/venv")
    }
}

/// The full path of a program on `PATH`, in the system directories that root alone has on it, or where Debian keeps Postgres.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .chain(postgres_folders())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Debian keeps each major version of Postgres in a folder of its own, on nobody's `PATH`.
fn postgres_folders() -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions.flatten().map(|version| version.path().join("bin"))
}
