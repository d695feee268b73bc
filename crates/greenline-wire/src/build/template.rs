//! What the platform tells about templates. These go to the app's own callback (WH-06).

use serde::Serialize;

use super::webhook::Change;

/// Which template.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'a str,
    /// Its language.
    pub language: &'a str,
}

/// A new status of a template.
#[derive(Clone, Copy, Debug)]
pub struct TemplateStatus<'a> {
    /// `APPROVED`, `PAUSED`, `DISABLED`, `REJECTED` …
    pub event: &'a str,
    /// `NONE` or why it was rejected.
    pub reason: &'a str,
    /// The category.
    pub category: &'a str,
    /// When it was disabled, in Unix seconds.
    pub disabled_at_s: Option<i64>,
    /// `other_info`: a title such as `FIRST_PAUSE`, and words.
    pub other: Option<(&'a str, &'a str)>,
    /// `rejection_info`: the reason in words, and what to do.
    pub rejection: Option<(&'a str, &'a str)>,
}

/// `message_template_status_update`
#[must_use]
pub fn status(template: Template<'_>, status: &TemplateStatus<'_>) -> Change {
    Change::new(
        "message_template_status_update",
        &StatusJson {
            event: status.event,
            message_template_id: template.id,
            message_template_name: template.name,
            message_template_language: template.language,
            reason: status.reason,
            message_template_category: status.category,
            disable_info: status.disabled_at_s.map(|time_s| DisableInfo {
                disable_date: time_s.to_string(),
            }),
            other_info: status
                .other
                .map(|(title, description)| OtherInfo { title, description }),
            rejection_info: status
                .rejection
                .map(|(reason, recommendation)| RejectionInfo {
                    reason,
                    recommendation,
                }),
        },
    )
}

/// `message_template_quality_update`
#[must_use]
pub fn quality(template: Template<'_>, previous: &str, new: &str) -> Change {
    Change::new(
        "message_template_quality_update",
        &QualityJson {
            previous_quality_score: previous,
            new_quality_score: new,
            message_template_id: template.id,
            message_template_name: template.name,
            message_template_language: template.language,
        },
    )
}

/// `template_category_update`: the category will be corrected at that time.
#[must_use]
pub fn category_impending(
    template: Template<'_>,
    present: &str,
    correct: &str,
    at_s: i64,
) -> Change {
    Change::new(
        "template_category_update",
        &CategoryJson {
            new_category: Some(present),
            correct_category: Some(correct),
            category_update_timestamp: Some(at_s),
            ..CategoryJson::of(template)
        },
    )
}

/// `template_category_update`: the category was changed.
#[must_use]
pub fn category_changed(template: Template<'_>, previous: &str, new: &str) -> Change {
    Change::new(
        "template_category_update",
        &CategoryJson {
            previous_category: Some(previous),
            new_category: Some(new),
            ..CategoryJson::of(template)
        },
    )
}

/// `template_correct_category_detection`: a wrong category was noticed.
#[must_use]
pub fn wrong_category(template: Template<'_>, present: &str, correct: &str) -> Change {
    Change::new(
        "template_correct_category_detection",
        &CategoryJson {
            category: Some(present),
            correct_category: Some(correct),
            ..CategoryJson::of(template)
        },
    )
}

#[derive(Serialize)]
struct StatusJson<'a> {
    event: &'a str,
    message_template_id: u64,
    message_template_name: &'a str,
    message_template_language: &'a str,
    reason: &'a str,
    message_template_category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_info: Option<DisableInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_info: Option<OtherInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_info: Option<RejectionInfo<'a>>,
}

#[derive(Serialize)]
struct DisableInfo {
    disable_date: String,
}

#[derive(Serialize)]
struct OtherInfo<'a> {
    title: &'a str,
    description: &'a str,
}

#[derive(Serialize)]
struct RejectionInfo<'a> {
    reason: &'a str,
    recommendation: &'a str,
}

#[derive(Serialize)]
struct QualityJson<'a> {
    previous_quality_score: &'a str,
    new_quality_score: &'a str,
    message_template_id: u64,
    message_template_name: &'a str,
    message_template_language: &'a str,
}

#[derive(Serialize)]
struct CategoryJson<'a> {
    message_template_id: u64,
    message_template_name: &'a str,
    message_template_language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correct_category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category_update_timestamp: Option<i64>,
}

impl<'a> CategoryJson<'a> {
    fn of(template: Template<'a>) -> Self {
        Self {
            message_template_id: template.id,
            message_template_name: template.name,
            message_template_language: template.language,
            previous_category: None,
            new_category: None,
            category: None,
            correct_category: None,
            category_update_timestamp: None,
        }
    }
}
