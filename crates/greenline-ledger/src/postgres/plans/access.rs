//! How a plan gets at each table, in words that do not change with the server's version: which index with which
//! columns, or the whole table.

use std::collections::BTreeSet;

use serde_json::Value;

/// One table of a plan, and the way to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    /// Every row is read.
    Whole {
        /// The table.
        table: String,
    },
    /// An index leads to the rows.
    Index {
        /// The table.
        table: String,
        /// The index.
        index: String,
        /// Columns that say where in the index; none: it is walked from an end until enough is found.
        by: BTreeSet<String>,
    },
    /// Rows are put in order, and so all of them read, before the first is known.
    Sort,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole { table } => write!(f, "{table}: WHOLE"),
            Self::Index { table, index, by } if by.is_empty() => {
                write!(f, "{table}: {index} from its end")
            }
            Self::Index { table, index, by } => {
                let by: Vec<&str> = by.iter().map(String::as_str).collect();
                write!(f, "{table}: {index} ({})", by.join(", "))
            }
            Self::Sort => f.write_str("sorted"),
        }
    }
}

/// The steps of a plan, as `EXPLAIN (FORMAT JSON)` gives it, from the outside in.
pub(super) fn steps(plan: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    walk(&plan[0]["Plan"], &mut steps);
    steps
}

fn walk(node: &Value, steps: &mut Vec<Step>) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let table = text("Relation Name").to_owned();
    match text("Node Type") {
        "Seq Scan" | "Sample Scan" | "Tid Scan" | "Tid Range Scan" => {
            steps.push(Step::Whole { table });
        }
        "Index Scan" | "Index Only Scan" => steps.push(Step::Index {
            table,
            index: text("Index Name").to_owned(),
            by: columns(text("Index Cond"), text("Alias")),
        }),
        "Bitmap Heap Scan" => {
            let mut inner = Vec::new();
            bitmaps(node, &table, text("Alias"), &mut inner);
            steps.append(&mut inner);
            return;
        }
        "Sort" | "Incremental Sort" => steps.push(Step::Sort),
        _ => {}
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, steps);
    }
}

/// The indexes under a bitmap, of whatever shape.
fn bitmaps(node: &Value, table: &str, alias: &str, steps: &mut Vec<Step>) {
    for child in node["Plans"].as_array().into_iter().flatten() {
        match child["Node Type"].as_str() {
            Some("Bitmap Index Scan") => steps.push(Step::Index {
                table: table.to_owned(),
                index: child["Index Name"].as_str().unwrap_or_default().to_owned(),
                by: columns(child["Index Cond"].as_str().unwrap_or_default(), alias),
            }),
            Some("BitmapOr" | "BitmapAnd") => bitmaps(child, table, alias, steps),
            // A sub-plan of the filter.
            _ => walk(child, steps),
        }
    }
}

/// The table's own columns in a condition such as `((t.person_shard = asked.shard) AND (ROW(a, b) > ROW($1, $2)))`:
/// names before a comparison that belong to nobody else. Values, casts and other tables' columns are left out.
fn columns(condition: &str, alias: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for comparison in condition.split(" AND ") {
        let left = [" = ", " < ", " > ", " <= ", " >= ", " IS "]
            .iter()
            .filter_map(|sign| comparison.split_once(sign))
            .map(|(left, _)| left)
            .min_by_key(|left| left.len())
            .unwrap_or(comparison);
        let words = left.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
        for word in words.filter(|word| {
            !word.starts_with(|c: char| c.is_numeric()) && !["", "ROW"].contains(word)
        }) {
            match word.split_once('.') {
                None => found.insert(word.to_owned()),
                Some((of, column)) if of == alias => found.insert(column.to_owned()),
                Some(_) => false,
            };
        }
    }
    found
}

#[test]
fn a_condition_names_the_columns_of_its_table() {
    let named = |condition| -> Vec<String> { columns(condition, "t").into_iter().collect() };
    assert_eq!(
        named("((person_shard = asked.shard) AND (t.person_id >= asked.id))"),
        ["person_id", "person_shard"]
    );
    assert_eq!(
        named("(ROW(person_shard, seq) > ROW($1, $2))"),
        ["person_shard", "seq"]
    );
    assert!(named("").is_empty());
    assert!(named("(asked.shard = other.shard)").is_empty());
}
