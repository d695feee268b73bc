//! What a database in shards asks of a statement, checked by reading it: no Citus is needed to find out that one
//! would be refused there.
//!
//! It knows the forms our statements take, and complains about what it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, ConflictTarget, Delete, Expr, FromTable, Insert,
    JoinConstraint, JoinOperator, ObjectName, OnConflictAction, OnInsert, Query, Select, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Visit,
    Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// What lies where, and what functions promise.
#[derive(Default)]
pub(super) struct Schema {
    /// Tables by `person_shard`, with their columns.
    pub(super) spread: BTreeMap<String, BTreeSet<String>>,
    /// Tables that every server has.
    pub(super) copied: BTreeSet<String>,
    /// By name: `i` immutable, `s` stable, `v` volatile; of several of one name the worst.
    pub(super) functions: BTreeMap<String, char>,
}

/// What is wrong with a statement, and where it has to go.
#[derive(Default, Debug)]
pub(super) struct Verdict {
    /// Nothing: it would be accepted.
    pub(super) complaints: Vec<String>,
    /// Nothing says which shards: it goes to all of them.
    pub(super) fans_out: bool,
}

/// Part of the language, and as good as immutable.
const EXPRESSIONS: &[&str] = &["coalesce", "greatest", "least", "nullif"];
/// Order by one server, or locks that only one server knows.
const BARRED_FUNCTIONS: &[&str] = &[
    "nextval",
    "currval",
    "setval",
    "lastval",
    "pg_notify",
    "txid_current",
    "pg_current_xact_id",
];
const SYSTEM_COLUMNS: &[&str] = &["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];
const KEY: &str = "person_shard";

/// Reads a statement and says what would be refused.
pub(super) fn judge(sql: &str, schema: &Schema) -> Verdict {
    let mut judge = Judge {
        schema,
        verdict: Verdict::default(),
    };
    match Parser::parse_sql(&PostgreSqlDialect {}, sql) {
        Ok(statements) => match statements.as_slice() {
            [statement] => {
                let _ = statement.visit(&mut Words(&mut judge));
                judge.statement(statement);
            }
            _ => judge.say("not one statement".to_owned()),
        },
        Err(error) => judge.say(format!("cannot be read: {error}")),
    }
    judge.verdict
}

struct Judge<'s> {
    schema: &'s Schema,
    verdict: Verdict,
}

/// Words that are barred wherever they stand.
struct Words<'j, 's>(&'j mut Judge<'s>);

impl Visitor for Words<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                let name = plain(&function.name);
                if name.starts_with("pg_advisory")
                    || name.starts_with("pg_try_advisory")
                    || BARRED_FUNCTIONS.contains(&&*name)
                {
                    self.0.say(format!("{name}() is of one server"));
                }
            }
            Expr::Identifier(column) if SYSTEM_COLUMNS.contains(&&*column.value) => {
                self.0.say(format!("{column} is of one server"));
            }
            Expr::CompoundIdentifier(parts)
                if parts
                    .last()
                    .is_some_and(|part| SYSTEM_COLUMNS.contains(&&*part.value)) =>
            {
                self.0.say(format!("{expr} is of one server"));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if !query.locks.is_empty() {
            self.0.say("rows are locked by a SELECT".to_owned());
        }
        ControlFlow::Continue(())
    }
}

#[derive(Clone, PartialEq)]
enum Rows {
    Spread(String),
    Copied,
    /// A function, a subquery, a `WITH`; whether rows of tables in shards are in it.
    Made {
        spread: bool,
    },
}

/// What a `FROM` names, and what is said to be equal.
#[derive(Default, Clone)]
struct Scope {
    relations: Vec<(String, Rows)>,
    equal: Vec<(String, String)>,
}

impl Scope {
    fn spread(&self) -> impl Iterator<Item = &str> {
        let spread = self
            .relations
            .iter()
            .filter(|(_, rows)| matches!(rows, Rows::Spread(_)));
        spread.map(|(alias, _)| &**alias)
    }

    /// Everything that equals this column.
    fn class(&self, of: &str) -> BTreeSet<String> {
        let mut class = BTreeSet::from([of.to_owned()]);
        loop {
            let before = class.len();
            for (a, b) in &self.equal {
                if class.contains(a) || class.contains(b) {
                    class.extend([a.clone(), b.clone()]);
                }
            }
            if class.len() == before {
                return class;
            }
        }
    }
}

impl Judge<'_> {
    fn say(&mut self, complaint: String) {
        self.verdict.complaints.push(complaint);
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => {
                self.query(query, None);
            }
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            other => self.say(format!("`{other}` is not of a kind that is known here")),
        }
    }

    /// Whether it reads a table in shards.
    fn query(&mut self, query: &Query, outer: Option<&Scope>) -> bool {
        for part in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.query(&part.query, None);
        }
        self.body(&query.body, outer)
    }

    fn body(&mut self, body: &SetExpr, outer: Option<&Scope>) -> bool {
        match body {
            SetExpr::Select(select) => self.select(select, outer),
            SetExpr::Query(query) => self.query(query, outer),
            SetExpr::SetOperation { left, right, .. } => {
                let left = self.body(left, outer);
                self.body(right, outer) || left
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement) => {
                self.statement(statement);
                true
            }
            SetExpr::Values(_) => false,
            other => {
                self.say(format!("`{other}` is not of a kind that is known here"));
                false
            }
        }
    }

    fn select(&mut self, select: &Select, outer: Option<&Scope>) -> bool {
        let mut scope = Scope::default();
        for from in &select.from {
            self.from(from, &mut scope);
        }
        self.condition(select.selection.as_ref(), &mut scope, outer);
        self.joined(&scope, outer);
        for item in &select.projection {
            for query in queries(item) {
                if self.query(&query, Some(&scope)) {
                    self.say("a subquery in the select list reads a table in shards".to_owned());
                }
            }
        }
        for query in queries(&select.having) {
            self.query(&query, Some(&scope));
        }
        scope
            .relations
            .iter()
            .any(|(_, rows)| matches!(rows, Rows::Spread(_) | Rows::Made { spread: true }))
    }

    fn from(&mut self, from: &TableWithJoins, scope: &mut Scope) {
        self.relation(&from.relation, scope);
        for join in &from.joins {
            let has_spread = scope.spread().next().is_some();
            self.relation(&join.relation, scope);
            let is_spread = matches!(scope.relations.last(), Some((_, Rows::Spread(_))));
            let on = match &join.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                    on
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                    if is_spread && !has_spread {
                        self.say(format!(
                            "{} is joined from outside to what is in no shard",
                            join.relation
                        ));
                    }
                    on
                }
                _ => {
                    self.say(format!("`{join}` is not of a kind that is known here"));
                    continue;
                }
            };
            match on {
                JoinConstraint::On(on) => self.condition(Some(on), scope, None),
                JoinConstraint::None => {}
                _ => self.say(format!("`{join}` does not name what it joins on")),
            }
        }
    }

    fn relation(&mut self, relation: &TableFactor, scope: &mut Scope) {
        let (name, rows) = match relation {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let table = plain(name);
                let rows = self.rows(&table);
                (
                    alias
                        .as_ref()
                        .map_or(table, |alias| alias.name.value.clone()),
                    rows,
                )
            }
            TableFactor::Table { name, alias, .. } | TableFactor::Function { name, alias, .. } => {
                let function = plain(name);
                if self.volatility(&function) != 'i' {
                    self.say(format!("{function}() in FROM is not immutable"));
                }
                let alias = alias
                    .as_ref()
                    .map_or(function, |alias| alias.name.value.clone());
                (alias, Rows::Made { spread: false })
            }
            TableFactor::UNNEST { alias, .. } => {
                let alias = alias.as_ref().map_or("unnest", |alias| &alias.name.value);
                (alias.to_owned(), Rows::Made { spread: false })
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                if *lateral {
                    self.say("LATERAL".to_owned());
                }
                let spread = self.query(subquery, None);
                let alias = alias.as_ref().map_or("", |alias| &alias.name.value);
                (alias.to_owned(), Rows::Made { spread })
            }
            other => {
                self.say(format!("`{other}` is not of a kind that is known here"));
                return;
            }
        };
        scope.relations.push((name, rows));
    }

    fn rows(&self, table: &str) -> Rows {
        if self.schema.spread.contains_key(table) {
            Rows::Spread(table.to_owned())
        } else if self.schema.copied.contains(table) {
            Rows::Copied
        } else {
            Rows::Made { spread: false }
        }
    }

    /// Takes in what must be equal, and looks at subqueries.
    fn condition(&mut self, condition: Option<&Expr>, scope: &mut Scope, outer: Option<&Scope>) {
        let Some(condition) = condition else { return };
        self.equalities(condition, scope);
        let mut around = scope.clone();
        if let Some(outer) = outer {
            around.relations.extend(outer.relations.iter().cloned());
            around.equal.extend(outer.equal.iter().cloned());
        }
        for query in queries(condition) {
            self.query(&query, Some(&around));
        }
    }

    fn equalities(&self, expr: &Expr, scope: &mut Scope) {
        match expr {
            Expr::Nested(inner) => self.equalities(inner, scope),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => {
                self.equalities(left, scope);
                self.equalities(right, scope);
            }
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } => {
                let pair = (self.side(left, scope), self.side(right, scope));
                scope.equal.push(pair);
            }
            _ => {}
        }
    }

    /// A side of a comparison by its full name.
    fn side(&self, expr: &Expr, scope: &Scope) -> String {
        let Expr::Identifier(column) = expr else {
            return expr.to_string();
        };
        let of = scope.relations.iter().find(|(_, rows)| {
            matches!(rows, Rows::Spread(table) if self.schema.spread[table].contains(&column.value))
        });
        of.map_or_else(
            || expr.to_string(),
            |(alias, _)| format!("{alias}.{column}"),
        )
    }

    /// Every table in shards is on the same shard as the others, and something tells which.
    fn joined(&mut self, scope: &Scope, outer: Option<&Scope>) {
        let Some(first) = scope.spread().next() else {
            return;
        };
        let mut whole = scope.clone();
        if let Some(outer) = outer {
            whole.relations.extend(outer.relations.iter().cloned());
            whole.equal.extend(outer.equal.iter().cloned());
            if outer.spread().next().is_none() {
                self.say(format!(
                    "a subquery reads {first} beside what is in no shard"
                ));
            }
        }
        let class = whole.class(&format!("{first}.{KEY}"));
        let keys: BTreeSet<String> = whole
            .spread()
            .map(|alias| format!("{alias}.{KEY}"))
            .collect();
        if let Some(other) = keys.iter().find(|key| !class.contains(*key)) {
            self.say(format!("{first}.{KEY} and {other} are not joined"));
        }
        if scope
            .relations
            .iter()
            .any(|(_, rows)| *rows == (Rows::Made { spread: true }))
        {
            self.say(format!(
                "{first} is joined to a subquery over tables in shards"
            ));
        }
        self.verdict.fans_out |= class.is_subset(&keys);
    }

    fn insert(&mut self, insert: &Insert) {
        let TableObject::TableName(name) = &insert.table else {
            return self.say("an insert into no table".to_owned());
        };
        let is_spread = matches!(self.rows(&plain(name)), Rows::Spread(_));
        if is_spread && !insert.columns.iter().any(|column| plain(column) == KEY) {
            self.say(format!("an insert into {name} without {KEY}"));
        }
        if let Some(source) = &insert.source
            && self.query(source, None)
            && !is_shard_of_source(insert, source)
        {
            self.say(format!("an insert into {name} from tables in other shards"));
        }
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => {
                let by: Vec<String> = match &conflict.conflict_target {
                    Some(ConflictTarget::Columns { columns, .. }) => {
                        columns.iter().map(ToString::to_string).collect()
                    }
                    _ => Vec::new(),
                };
                if is_spread && !by.iter().any(|column| column == KEY) {
                    self.say(format!("a conflict in {name} without {KEY}"));
                }
                if let OnConflictAction::DoUpdate(update) = &conflict.action {
                    self.assignments(&update.assignments, is_spread);
                    for name in functions(&update.assignments)
                        .into_iter()
                        .chain(functions(&update.selection))
                    {
                        if self.volatility(&name) != 'i' {
                            self.say(format!("{name}() in ON CONFLICT is not immutable"));
                        }
                    }
                }
            }
            Some(other) => self.say(format!("`{other}` is not of a kind that is known here")),
        }
    }

    fn assignments(&mut self, assignments: &[Assignment], is_spread: bool) {
        for assignment in assignments {
            let AssignmentTarget::ColumnName(column) = &assignment.target else {
                self.say(format!("`{assignment}` sets several columns at once"));
                continue;
            };
            if is_spread && plain(column) == KEY {
                self.say(format!("`{assignment}` moves a row to another shard"));
            }
        }
    }

    fn update(&mut self, update: &Update) {
        let mut scope = Scope::default();
        self.from(&update.table, &mut scope);
        let is_spread = scope.spread().next().is_some();
        match &update.from {
            Some(UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from)) => {
                for from in from {
                    self.from(from, &mut scope);
                }
            }
            None => {}
        }
        self.assignments(&update.assignments, is_spread);
        for query in queries(&update.assignments) {
            if self.query(&query, None) {
                self.say("a subquery in SET reads a table in shards".to_owned());
            }
        }
        self.condition(update.selection.as_ref(), &mut scope, None);
        self.joined(&scope, None);
        self.steady(update);
    }

    fn delete(&mut self, delete: &Delete) {
        let mut scope = Scope::default();
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        for from in from.iter().chain(delete.using.iter().flatten()) {
            self.from(from, &mut scope);
        }
        self.condition(delete.selection.as_ref(), &mut scope, None);
        self.joined(&scope, None);
        self.steady(delete);
    }

    /// Each server comes to the same rows and values.
    fn steady(&mut self, change: &impl Visit) {
        for name in functions(change) {
            if self.volatility(&name) == 'v' {
                self.say(format!("{name}() in a change is volatile"));
            }
        }
    }

    fn volatility(&mut self, name: &str) -> char {
        if EXPRESSIONS.contains(&name) {
            return 'i';
        }
        self.schema.functions.get(name).copied().unwrap_or('v')
    }
}

/// Whether rows go to the shard they come from: then each server inserts by itself.
fn is_shard_of_source(insert: &Insert, source: &Query) -> bool {
    let at = insert
        .columns
        .iter()
        .position(|column| plain(column) == KEY);
    let SetExpr::Select(select) = &*source.body else {
        return false;
    };
    // Every table in shards is joined on the key, whichever it is taken from.
    at.and_then(|at| select.projection.get(at))
        .is_some_and(|item| item.to_string().ends_with(&format!(".{KEY}")))
}

fn plain(name: &ObjectName) -> String {
    name.to_string().to_lowercase()
}

/// The queries right below, not those within them.
fn queries(of: &impl Visit) -> Vec<Query> {
    #[derive(Default)]
    struct Found(usize, Vec<Query>);
    impl Visitor for Found {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if self.0 == 0 {
                self.1.push(query.clone());
            }
            self.0 += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
    }
    let mut found = Found::default();
    let _ = of.visit(&mut found);
    found.1
}

fn functions(of: &impl Visit) -> BTreeSet<String> {
    struct Found(BTreeSet<String>);
    impl Visitor for Found {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) => {
                    self.0.insert(plain(&function.name));
                }
                Expr::Extract { .. } => {
                    self.0.insert("date_part".to_owned());
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Found(BTreeSet::new());
    let _ = of.visit(&mut found);
    found.0
}
