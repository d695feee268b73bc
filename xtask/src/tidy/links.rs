//! Links between the documents: the file must exist, and the heading too where one is named.

use std::collections::HashSet;

use super::{Complaint, TextFile};

pub(super) fn check(files: &[TextFile]) -> Vec<Complaint> {
    let paths = known_paths(files);
    files
        .iter()
        .filter(|file| file.is_markdown())
        .flat_map(|file| check_file(file, files, &paths))
        .collect()
}

/// Every file and every folder that holds one.
fn known_paths(files: &[TextFile]) -> HashSet<&str> {
    let mut paths = HashSet::new();
    for file in files {
        paths.insert(file.path.as_str());
        for (at, _) in file.path.match_indices('/') {
            paths.insert(&file.path[..at]);
        }
    }
    paths
}

fn check_file(file: &TextFile, files: &[TextFile], paths: &HashSet<&str>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (line, target) in links(&file.text) {
        let (path, heading) = target.split_once('#').unwrap_or((target, ""));
        let Some(path) = resolve(&file.path, path) else {
            let what = format!("the link `{target}` leads out of the repository");
            complaints.push(Complaint::new(&file.path, line, what));
            continue;
        };
        if !path.is_empty() && !paths.contains(path.as_str()) {
            let what = format!("the link `{target}` leads nowhere");
            complaints.push(Complaint::new(&file.path, line, what));
            continue;
        }
        let linked = files.iter().find(|file| file.path == path);
        if let Some(linked) = linked.filter(|linked| linked.is_markdown() && !heading.is_empty())
            && !anchors(&linked.text).contains(heading)
        {
            let what = format!("`{path}` has no heading for `#{heading}`");
            complaints.push(Complaint::new(&file.path, line, what));
        }
    }
    complaints
}

/// The local targets of `[text](target)`, with their lines; code blocks and code spans are left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let in_code = rest[..at].matches('`').count() % 2 == 1;
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            let target = rest[..end].split(' ').next().unwrap_or_default();
            let elsewhere =
                target.contains("://") || target.starts_with("mailto:") || target.starts_with('<');
            if !target.is_empty() && !elsewhere && !in_code {
                found.push((number, target));
            }
            if !in_code {
                rest = &rest[end..];
            }
        }
    }
    found
}

/// The lines outside fenced code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// The path a link in `from` names, relative to the root; `None` if it climbs out of the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = if link.starts_with('/') {
        Vec::new()
    } else {
        let mut parts: Vec<&str> = from.split('/').collect();
        parts.pop();
        parts
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that a forge makes of a document's headings.
fn anchors(text: &str) -> HashSet<String> {
    let mut seen: HashSet<String> = HashSet::new();
    for (_, line) in prose(text) {
        if !line.starts_with('#') {
            continue;
        }
        let anchor = anchor(line.trim_start_matches('#').trim());
        let mut unique = anchor.clone();
        let mut count = 0;
        while !seen.insert(unique.clone()) {
            count += 1;
            unique = format!("{anchor}-{count}");
        }
    }
    seen
}

fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_lowercase().next().unwrap_or(c)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn said(readme: &str) -> Vec<String> {
        let files = [
            file("README.md", readme),
            file(
                "docs/guide.md",
                "# The guide\n\n## Law 1: no send, ever\n\n[back](../README.md)\n",
            ),
        ];
        check(&files)
            .into_iter()
            .map(|complaint| complaint.to_string())
            .collect()
    }

    #[test]
    fn good_links_are_quiet() {
        let text = "[a](docs/guide.md) [b](docs/guide.md#law-1-no-send-ever) [c](docs/) [d](https://host.example/x) [e](#top)\n# Top\n";
        assert!(said(text).is_empty());
    }

    #[test]
    fn a_missing_file_and_a_missing_heading_are_found() {
        assert_eq!(
            said("\n[a](docs/gone.md)\n"),
            ["README.md:2: the link `docs/gone.md` leads nowhere"]
        );
        assert_eq!(
            said("[a](docs/guide.md#gone)\n"),
            ["README.md:1: `docs/guide.md` has no heading for `#gone`"]
        );
        assert_eq!(said("[a](../outside.md)\n").len(), 1);
    }

    #[test]
    fn code_is_not_a_link() {
        assert!(said("```\n[a](gone.md)\n```\n`[a](gone.md)`\n").is_empty());
    }
}
