//! Medians with what was lowest and highest, and ratios taken within each round.

use std::fmt;

use anyhow::{Context, Result};

/// On Postgres, decisions a second in batches are at least this many times those one by one.
const BATCHED_RATIO_MIN: f64 = 6.0;
/// What they are to become.
const BATCHED_RATIO_AIM: f64 = 8.0;

/// One way of deciding.
#[derive(PartialEq, Eq)]
pub(super) struct Way {
    pub(super) is_postgres: bool,
    pub(super) nodes: u64,
    /// Requests in a batch at most; 1 is one by one.
    pub(super) batch_max: u64,
    /// Within a limit of the portfolio that is known.
    pub(super) is_limited: bool,
}

impl Way {
    /// Those that are compared, each right after the one it is compared with: in batches after one by one, and within
    /// a limit after without.
    pub(super) const ALL: [Way; 8] = [
        Way::of(false, 1, 1),
        Way::of(false, 1, 1_000),
        Way::of(true, 1, 1),
        Way::of(true, 1, 1_000),
        Way::of(true, 1, 1_000).limited(),
        Way::of(true, 3, 1),
        Way::of(true, 3, 1_000),
        Way::of(true, 3, 1_000).limited(),
    ];

    const fn of(is_postgres: bool, nodes: u64, batch_max: u64) -> Self {
        Self {
            is_postgres,
            nodes,
            batch_max,
            is_limited: false,
        }
    }

    const fn limited(self) -> Self {
        Self {
            is_limited: true,
            ..self
        }
    }

    /// What the one right before it does otherwise; `None` where the two are not compared.
    fn against(&self) -> Option<&'static str> {
        match (self.is_limited, self.batch_max) {
            (true, _) => Some("without a limit"),
            (false, 1) => None,
            (false, _) => Some("one by one"),
        }
    }

    /// Of its first node; each node has one of its own.
    pub(super) fn seed(&self) -> u64 {
        self.nodes * 10 + u64::from(self.batch_max > 1) * 100 + u64::from(self.is_limited) * 200
    }

    fn store(&self) -> &'static str {
        if self.is_postgres {
            "Postgres"
        } else {
            "SQLite"
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = if self.nodes == 1 { "node" } else { "nodes" };
        let batches = if self.batch_max == 1 {
            "one by one"
        } else {
            "in batches"
        };
        let within = if self.is_limited {
            ", within a limit"
        } else {
            ""
        };
        write!(
            f,
            "{}, {} {nodes}, {batches}{within}",
            self.store(),
            self.nodes
        )
    }
}

/// One round of one way.
#[derive(Default)]
pub(super) struct Figures {
    decisions: f64,
    elapsed_us: f64,
    nodes_us: f64,
    /// CPU of all the database's processes.
    pub(super) database_us: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Figures {
    /// Adds what a node says of its part.
    pub(super) fn add(&mut self, answer: &str) -> Result<()> {
        let field = |name: &str| -> Result<f64> {
            let mut fields = answer.split(' ').filter_map(|field| field.split_once('='));
            let (_, value) = fields
                .find(|(known, _)| *known == name)
                .with_context(|| format!("a node does not tell `{name}`"))?;
            Ok(value.parse()?)
        };
        self.decisions += field("decisions")?;
        self.nodes_us += field("cpu_us")?;
        self.elapsed_us = self.elapsed_us.max(field("elapsed_us")?);
        self.p50_us = self.p50_us.max(field("p50_us")?);
        self.p99_us = self.p99_us.max(field("p99_us")?);
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.decisions * 1e6 / self.elapsed_us
    }

    fn node_cpu_us(&self) -> f64 {
        self.nodes_us / self.decisions
    }

    fn database_cpu_us(&self) -> f64 {
        self.database_us / self.decisions
    }

    fn cpu_us(&self) -> f64 {
        self.node_cpu_us() + self.database_cpu_us()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0}/s, {:.1} µs of CPU in nodes, {:.1} µs in the database, p50 {:.1} ms, p99 {:.1} ms",
            self.rate(),
            self.node_cpu_us(),
            self.database_cpu_us(),
            self.p50_us / 1e3,
            self.p99_us / 1e3
        )
    }
}

/// The middle one of several, with the ends.
struct Spread {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Self {
            median: values[values.len() / 2],
            lowest: values[0],
            highest: values[values.len() - 1],
        }
    }

    fn json(&self) -> String {
        format!(
            r#"{{"median":{:.2},"lowest":{:.2},"highest":{:.2}}}"#,
            self.median, self.lowest, self.highest
        )
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median < 100.0 { 1 } else { 0 };
        write!(
            f,
            "{:.digits$} ({:.digits$} to {:.digits$})",
            self.median, self.lowest, self.highest
        )
    }
}

/// A figure, and how it is called.
type Figure = (&'static str, &'static str, fn(&Figures) -> f64);

const FIGURES: [Figure; 5] = [
    ("rate", "decisions a second", Figures::rate),
    ("node_cpu_us", "µs in nodes", Figures::node_cpu_us),
    (
        "database_cpu_us",
        "µs in the database",
        Figures::database_cpu_us,
    ),
    ("p50_us", "µs at p50", |figures| figures.p50_us),
    ("p99_us", "µs at p99", |figures| figures.p99_us),
];

/// Prints everything and says whether the budget is kept.
pub(super) fn report(rounds: &[Vec<Figures>], as_json: bool) -> bool {
    let ways: Vec<Vec<Spread>> = (0..Way::ALL.len())
        .map(|at| {
            let spread =
                |(.., figure): &Figure| Spread::of(rounds.iter().map(|round| figure(&round[at])));
            FIGURES.iter().map(spread).collect()
        })
        .collect();
    let pairs: Vec<(&Way, Spread, Spread)> = Way::ALL
        .iter()
        .enumerate()
        .filter(|(_, way)| way.against().is_some())
        .map(|(at, way)| {
            let ratios = |figure: fn(&Figures) -> f64| {
                let ratio = move |round: &Vec<Figures>| figure(&round[at]) / figure(&round[at - 1]);
                Spread::of(rounds.iter().map(ratio))
            };
            (way, ratios(Figures::rate), ratios(Figures::cpu_us))
        })
        .collect();
    // One node against one node; with three the one by one of each overlaps that of the others.
    let kept = pairs
        .iter()
        .filter(|(way, ..)| way.is_postgres && way.nodes == 1 && !way.is_limited)
        .all(|(_, rate, _)| rate.median >= BATCHED_RATIO_MIN);
    if as_json {
        print_json(&ways, &pairs, kept);
    } else {
        print_lines(&ways, &pairs, kept);
    }
    kept
}

fn print_lines(ways: &[Vec<Spread>], pairs: &[(&Way, Spread, Spread)], kept: bool) {
    for (way, spreads) in Way::ALL.iter().zip(ways) {
        let figures: Vec<String> = FIGURES
            .iter()
            .zip(spreads)
            .map(|((_, name, _), spread)| format!("{spread} {name}"))
            .collect();
        println!("{way}: {}", figures.join(", "));
    }
    for (way, rate, cpu) in pairs {
        println!(
            "{way}, against {}: {:.2} ({:.2} to {:.2}) times the decisions a second, {:.2} ({:.2} to {:.2}) of the CPU of each",
            way.against().unwrap_or_default(),
            rate.median,
            rate.lowest,
            rate.highest,
            cpu.median,
            cpu.lowest,
            cpu.highest
        );
    }
    let verdict = if kept { "kept" } else { "MISSED" };
    println!(
        "budget for Postgres, 1 node: at least {BATCHED_RATIO_MIN} times the decisions a second (aim {BATCHED_RATIO_AIM}): {verdict}"
    );
}

fn print_json(ways: &[Vec<Spread>], pairs: &[(&Way, Spread, Spread)], kept: bool) {
    let of_way = |way: &Way| {
        format!(
            r#""store":"{}","nodes":{},"batch_max":{},"limited":{}"#,
            way.store(),
            way.nodes,
            way.batch_max,
            way.is_limited
        )
    };
    let figures = Way::ALL.iter().zip(ways).map(|(way, spreads)| {
        let figures: Vec<String> = FIGURES
            .iter()
            .zip(spreads)
            .map(|((name, ..), spread)| format!(r#""{name}":{}"#, spread.json()))
            .collect();
        format!("{{{},{}}}", of_way(way), figures.join(","))
    });
    let ratios = |is_limited: bool| {
        let pairs = pairs
            .iter()
            .filter(|(way, ..)| way.is_limited == is_limited);
        let pairs = pairs.map(|(way, rate, cpu)| {
            format!(
                r#"{{{},"rate_ratio":{},"cpu_ratio":{}}}"#,
                of_way(way),
                rate.json(),
                cpu.json()
            )
        });
        pairs.collect::<Vec<_>>().join(",")
    };
    println!(
        r#"{{"ways":[{}],"batched_to_one_by_one":[{}],"limited_to_unlimited":[{}],"budget":{BATCHED_RATIO_MIN},"kept":{kept}}}"#,
        figures.collect::<Vec<_>>().join(","),
        ratios(false),
        ratios(true)
    );
}
