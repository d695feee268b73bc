//! The readable form of the admin API.

use askama::Template;

use crate::page::Frame;

/// A parameter or member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name; members of members with dots.
    pub name: String,
    /// Its type in words.
    pub kind: String,
    /// It must be there.
    pub required: bool,
    /// What it means.
    pub text: String,
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: String,
    /// What it means.
    pub text: String,
    /// Its members, where it is JSON.
    pub fields: Vec<Field>,
}

/// One endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// `GET`, `POST`.
    pub method: String,
    /// The path.
    pub path: String,
    /// Where links lead.
    pub anchor: String,
    /// One line.
    pub summary: String,
    /// More, in paragraphs.
    pub text: Vec<String>,
    /// Path, query and header parameters.
    pub parameters: Vec<Field>,
    /// Members of the body.
    pub body: Vec<Field>,
    /// An example of a body.
    pub example: Option<String>,
    /// Answers.
    pub answers: Vec<Answer>,
}

/// Endpoints that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// A kind of problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProblemKind {
    /// Its anchor, the last part of `type`.
    pub id: String,
    /// The HTTP status.
    pub status: u16,
    /// Its title.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
}

/// The page at `/docs`.
#[derive(Clone, Debug, Template)]
#[template(path = "docs.html")]
pub struct DocsPage {
    /// The surroundings.
    pub frame: Frame,
    /// What the API is, in paragraphs.
    pub intro: Vec<String>,
    /// Its version.
    pub version: String,
    /// Endpoints.
    pub groups: Vec<Group>,
    /// Problems.
    pub problems: Vec<ProblemKind>,
}
