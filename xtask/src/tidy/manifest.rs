//! Reads the few things the checks need from a `Cargo.toml`, in the shapes this workspace writes.

/// Which dependencies are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// What ships.
    Product,
    /// What ships, what builds it and what tests it.
    All,
}

/// The dependencies a manifest names, with their lines.
pub(super) fn dependencies(manifest: &str, which: Which) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `target.'cfg(unix)'.dependencies` is a section of dependencies too.
            let section = header.rsplit('.').next().unwrap_or(header);
            inside = is_wanted(section, which) && !header.starts_with("workspace");
            if let Some((section, name)) = header.split_once('.')
                && is_wanted(section, which)
            {
                found.push((index + 1, name));
            }
        } else if inside && !line.starts_with('#') {
            let end = line.find(['.', '=', ' ']).unwrap_or(0);
            if end > 0 {
                found.push((index + 1, &line[..end]));
            }
        }
    }
    found
}

fn is_wanted(section: &str, which: Which) -> bool {
    match section {
        "dependencies" => true,
        "dev-dependencies" | "build-dependencies" => which == Which::All,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(manifest: &str, which: Which) -> Vec<&str> {
        let found = dependencies(manifest, which);
        found.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\ntokio = \"1\"\nserde.workspace = true\n# none = \"1\"\n\
                        [dependencies.rusqlite]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\nrand = { version = \"1\" }\n";
        assert_eq!(
            names(manifest, Which::Product),
            ["tokio", "serde", "rusqlite", "rand"]
        );
    }

    #[test]
    fn dependencies_of_tests_are_apart() {
        let manifest =
            "[dependencies]\n[dev-dependencies]\ninsta = \"1\"\n[lints]\nworkspace = true\n";
        assert!(names(manifest, Which::Product).is_empty());
        assert_eq!(names(manifest, Which::All), ["insta"]);
    }

    #[test]
    fn the_workspace_table_is_not_a_crate() {
        assert!(names("[workspace.dependencies]\ntokio = \"1\"\n", Which::All).is_empty());
    }
}
