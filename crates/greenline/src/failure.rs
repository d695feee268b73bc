//! How a command ends: its exit code, and what it says when it could not do what it was asked.
//!
//! A failure says what went wrong, with its causes, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use serde_json::{Value, json};

/// How a command that did its work ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Yes, or done.
    Yes,
    /// No, or refused.
    No,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Yes => Self::SUCCESS,
            Exit::No => Self::from(1),
        }
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    what: String,
    why: Option<anyhow::Error>,
    help: Option<String>,
    problem: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Refused,
    Input,
    Unavailable,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Input => 2,
            Self::Unavailable => 3,
        }
    }
}

impl Failure {
    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            why: None,
            help: None,
            problem: None,
        }
    }

    /// It was understood, and the answer is no.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused, what)
    }

    /// What was given cannot be used.
    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::Input, what)
    }

    /// Something that is needed does not answer.
    pub(crate) fn unavailable(what: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, what)
    }

    /// Adds the cause.
    pub(crate) fn because<E: Error + Send + Sync + 'static>(mut self, error: E) -> Self {
        self.why = Some(error.into());
        self
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the API's own account of it.
    pub(crate) fn problem(mut self, problem: Value) -> Self {
        self.problem = Some(problem);
        self
    }

    /// What went wrong, with its causes.
    pub(crate) fn text(&self) -> String {
        match &self.why {
            None => self.what.clone(),
            Some(why) => format!("{}: {why:#}", self.what),
        }
    }

    /// Says it on standard error and gives the exit code.
    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        if as_json {
            let all = json!({ "error": self.text(), "help": self.help, "problem": self.problem });
            eprintln!("{all}");
        } else {
            eprintln!("error: {}", self.text());
            if let Some(help) = &self.help {
                eprintln!("{help}");
            }
        }
        ExitCode::from(self.kind.code())
    }
}
