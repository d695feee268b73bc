//! The OpenAPI document, made from the handlers, and its readable form.

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use greenline_console::docs::{Answer, DocsPage, Endpoint, Field, Group, ProblemKind};
use serde_json::{Map, Value};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use crate::app::Shared;

use super::auth::{PageWho, Who};
use super::pages;
use super::problem::Kind;
use super::{
    access, alerts, avenues, capabilities, consents, decisions, erase, forecast, guide, imports,
    keys, later, links, numbers, operate, opt_in, people, portfolio, proof, records, screenings,
    subscriptions, timeline,
};

/// How deep members of members are listed.
const DEPTH_MAX: usize = 3;

#[derive(OpenApi)]
#[openapi(
    info(title = "Greenline admin API", description = "What a business's own software and people use to record consent, to ask what may be sent and why not, and to look after the gateway.\n\nEvery request carries an admin token of the configuration: `Authorization: Bearer …`. Reading also takes HTTP Basic with the token as password. A token reaches the businesses it lists, everything else is as if it did not exist.\n\nTimes are RFC 3339. Errors are RFC 9457 problems. An answer means that what it says is on disk.", license(name = "Apache-2.0", identifier = "Apache-2.0"), contact()),
    tags(
        (name = "consent", description = "Consent"),
        (name = "decisions", description = "Decisions"),
        (name = "numbers", description = "Numbers and templates"),
        (name = "operation", description = "Operation"),
    ),
    paths(
        consents::record, imports::begin, imports::list, imports::show, imports::results, imports::undo, people::show, access::export, erase::erase, consents::vouch, opt_in::ask, opt_in::list, opt_in::make, opt_in::picture, proof::show, proof::receipts::show, links::make, links::make_many, links::revoke, records::stops, records::export, avenues::show, avenues::walk, alerts::list, alerts::test,
        decisions::preview, decisions::list, decisions::show, screenings::begin, screenings::list, screenings::show, screenings::delete, screenings::report, screenings::agreed, screenings::download, later::list, later::show, later::cancel, guide::ask,
        records::numbers, numbers::show, numbers::probe::ask, capabilities::show, forecast::show, portfolio::show, records::templates, records::timeline, proof::of_an_entry, timeline::of_a_number, timeline::of_an_account, timeline::of_the_portfolio,
        subscriptions::make, subscriptions::list, subscriptions::show_one, subscriptions::change, subscriptions::remove, subscriptions::rotate, subscriptions::ping, subscriptions::replay,
        keys::show, operate::relay, operate::replay, proof::head, operate::verify, operate::verify_against, operate::healthz, operate::readyz, operate::metrics,
    ),
    modifiers(&Tokens),
)]
struct Api;

/// Tokens everywhere but where a path says otherwise.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut Document) {
        let scheme =
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
        document.security = Some(vec![SecurityRequirement::new(
            "token",
            Vec::<String>::new(),
        )]);
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.delete]
                .into_iter()
                .flatten()
            {
                if operation.security.is_none() {
                    let answer = ResponseBuilder::new()
                        .description("No admin token, or an unknown one")
                        .build();
                    operation
                        .responses
                        .responses
                        .insert("401".to_owned(), answer.into());
                }
            }
        }
    }
}

/// The document.
#[must_use]
pub fn document() -> Value {
    serde_json::to_value(Api::openapi()).unwrap_or_default()
}

/// The document, for tools.
pub(crate) async fn serve(_: Who) -> Json<Value> {
    Json(document())
}

/// The document, for people.
pub(crate) async fn docs(State(app): State<Shared>, PageWho(who): PageWho) -> Response {
    let reader = Reader(document());
    let page = DocsPage {
        frame: pages::frame(&app, &who, None),
        intro: paragraphs(reader.0["info"]["description"].as_str()),
        version: text(&reader.0["info"]["version"]),
        groups: reader.groups(),
        problems: Kind::ALL
            .iter()
            .map(|kind| ProblemKind {
                id: kind.id().to_owned(),
                status: kind.status().as_u16(),
                title: kind.title().to_owned(),
                text: plain(kind.text()),
            })
            .collect(),
    };
    pages::answer(&page).map_or_else(IntoResponse::into_response, |html| {
        pages::guarded(Html(html).into_response())
    })
}

/// Walks a document. What a document lacks reads as nothing, never as an error.
struct Reader(Value);

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

/// Without the marks of Markdown, which the page does not render.
fn plain(text: &str) -> String {
    text.replace('`', "").replace('\n', " ")
}

fn paragraphs(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split("\n\n")
        .map(plain)
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Reader {
    fn groups(&self) -> Vec<Group> {
        items(&self.0["tags"])
            .map(|tag| Group {
                name: text(&tag["description"]),
                endpoints: members(&self.0["paths"])
                    .flat_map(|(path, methods)| {
                        members(methods).map(move |(method, operation)| (path, method, operation))
                    })
                    .filter(|(_, _, operation)| operation["tags"][0] == tag["name"])
                    .map(|(path, method, operation)| self.endpoint(path, method, operation))
                    .collect(),
            })
            .collect()
    }

    fn endpoint(&self, path: &str, method: &str, operation: &Value) -> Endpoint {
        let body = &operation["requestBody"]["content"];
        let schema = members(body).next().map(|(_, content)| &content["schema"]);
        Endpoint {
            method: method.to_uppercase(),
            path: path.to_owned(),
            anchor: format!(
                "{method}{}",
                path.replace(['/', '{', '}'], "-").trim_end_matches('-')
            ),
            summary: text(&operation["summary"]),
            text: paragraphs(operation["description"].as_str()),
            parameters: items(&operation["parameters"])
                .map(|parameter| Field {
                    name: text(&parameter["name"]),
                    kind: format!(
                        "{} in the {}",
                        self.kind(&parameter["schema"]),
                        text(&parameter["in"])
                    ),
                    required: parameter["required"] == true,
                    text: text(&parameter["description"]),
                })
                .collect(),
            body: schema.map(|schema| self.fields(schema)).unwrap_or_default(),
            example: schema.and_then(|schema| self.example(schema)),
            answers: members(&operation["responses"])
                .map(|(status, answer)| Answer {
                    status: status.clone(),
                    text: text(&answer["description"]),
                    fields: members(&answer["content"])
                        .next()
                        .map(|(_, content)| self.fields(&content["schema"]))
                        .unwrap_or_default(),
                })
                .collect(),
        }
    }

    fn example(&self, schema: &Value) -> Option<String> {
        let example = &self.resolved(schema)["example"];
        (!example.is_null()).then(|| serde_json::to_string_pretty(example).unwrap_or_default())
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix("#/components/schemas/"));
        match name {
            Some(name) => self.resolved(&self.0["components"]["schemas"][name]),
            // The first of several forms; for an optional member the one that is not `null`.
            None => items(&schema["oneOf"])
                .find(|one| one["type"] != "null")
                .map_or(schema, |one| self.resolved(one)),
        }
    }

    fn fields(&self, schema: &Value) -> Vec<Field> {
        let mut fields = Vec::new();
        self.collect(schema, "", 0, &mut fields);
        fields
    }

    fn collect(&self, schema: &Value, prefix: &str, depth: usize, fields: &mut Vec<Field>) {
        let schema = self.resolved(schema);
        items(&schema["allOf"]).for_each(|part| self.collect(part, prefix, depth, fields));
        if depth >= DEPTH_MAX {
            return;
        }
        let required: Vec<&str> = items(&schema["required"])
            .filter_map(Value::as_str)
            .collect();
        for (name, member) in members(&schema["properties"]) {
            let inner = if member["type"] == "array" {
                &member["items"]
            } else {
                member
            };
            let list = if member["type"] == "array" { "[]" } else { "" };
            let own = text(&member["description"]);
            let described = if own.is_empty() {
                text(&self.resolved(inner)["description"])
            } else {
                own
            };
            let path = format!("{prefix}{name}{list}");
            fields.push(Field {
                name: path.clone(),
                kind: self.kind(member),
                required: required.contains(&name.as_str()),
                text: described,
            });
            self.collect(inner, &format!("{path}."), depth + 1, fields);
        }
    }

    fn kind(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        let name = match &schema["type"] {
            Value::String(name) => name.as_str(),
            Value::Array(names) => names
                .iter()
                .filter_map(Value::as_str)
                .find(|name| *name != "null")
                .unwrap_or("any"),
            _ => "object",
        };
        match name {
            "string" => "text".to_owned(),
            "integer" | "number" => "number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => format!("list of {}", self.kind(&schema["items"])),
            other => other.to_owned(),
        }
    }
}

/// Every path with its methods, for the test that looks for unguarded ones.
#[must_use]
pub fn operations() -> Vec<(String, String)> {
    let document = document();
    let empty = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    paths
        .iter()
        .flat_map(|(path, methods)| {
            members(methods).map(move |(method, _)| (method.to_uppercase(), path.clone()))
        })
        .collect()
}
