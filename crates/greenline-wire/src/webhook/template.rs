//! News about templates.

use std::borrow::Cow;

use crate::json::Json;

/// Which template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateRef<'a> {
    /// `message_template_id`
    pub id: Option<Cow<'a, str>>,
    /// `message_template_name`
    pub name: Cow<'a, str>,
    /// `message_template_language`
    pub language: Option<Cow<'a, str>>,
}

/// The value of `message_template_status_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateStatus<'a> {
    /// Which template.
    pub template: TemplateRef<'a>,
    /// `APPROVED`, `PAUSED`, `DISABLED`, …
    pub event: Cow<'a, str>,
    /// `reason`, or the reason in `rejection_info`.
    pub reason: Option<Cow<'a, str>>,
    /// `message_template_category`
    pub category: Option<Cow<'a, str>>,
    /// `other_info.title`: `FIRST_PAUSE`, `UNPAUSE`, …
    pub title: Option<Cow<'a, str>>,
    /// `other_info.description`
    pub description: Option<Cow<'a, str>>,
    /// `disable_info.disable_date` in Unix seconds.
    pub disable_date_s: Option<i64>,
}

/// The value of `message_template_quality_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateQuality<'a> {
    /// Which template.
    pub template: TemplateRef<'a>,
    /// `previous_quality_score`
    pub previous: Option<Cow<'a, str>>,
    /// `new_quality_score`
    pub new: Cow<'a, str>,
}

/// The value of `template_category_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateCategory<'a> {
    /// Which template.
    pub template: TemplateRef<'a>,
    /// `previous_category`: the change is done.
    pub previous: Option<Cow<'a, str>>,
    /// `new_category`: the present one.
    pub present: Cow<'a, str>,
    /// `correct_category`: the change is to come.
    pub correct: Option<Cow<'a, str>>,
    /// `category_update_timestamp`: when it comes, in Unix seconds.
    pub changes_at_s: Option<i64>,
}

/// The value of `template_correct_category_detection`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateCorrectCategory<'a> {
    /// Which template.
    pub template: TemplateRef<'a>,
    /// `category`
    pub category: Option<Cow<'a, str>>,
    /// `correct_category`
    pub correct: Cow<'a, str>,
}

/// The value of `message_template_components_update`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateComponents<'a> {
    /// Which template.
    pub template: TemplateRef<'a>,
    /// `message_template_title`
    pub header: Option<Cow<'a, str>>,
    /// `message_template_element`
    pub body: Option<Cow<'a, str>>,
    /// `message_template_footer`
    pub footer: Option<Cow<'a, str>>,
    /// Texts of its buttons.
    pub buttons: Vec<Cow<'a, str>>,
}

fn template<'a>(value: &Json<'_, 'a>) -> TemplateRef<'a> {
    TemplateRef {
        id: value.word("message_template_id"),
        name: value.text("message_template_name").unwrap_or_default(),
        language: value.word("message_template_language"),
    }
}

/// Reads the value of `message_template_status_update`.
pub(super) fn template_status<'a>(value: &Json<'_, 'a>) -> TemplateStatus<'a> {
    let other = value.object("other_info");
    let reason = value.word("reason").filter(|reason| reason != "NONE");
    TemplateStatus {
        template: template(value),
        event: value.text("event").unwrap_or_default(),
        reason: reason.or_else(|| value.object("rejection_info")?.word("reason")),
        category: value.word("message_template_category"),
        title: other.and_then(|info| info.word("title")),
        description: other.and_then(|info| info.word("description")),
        disable_date_s: value
            .object("disable_info")
            .and_then(|info| info.seconds("disable_date")),
    }
}

/// Reads the value of `message_template_quality_update`.
pub(super) fn template_quality<'a>(value: &Json<'_, 'a>) -> TemplateQuality<'a> {
    TemplateQuality {
        template: template(value),
        previous: value.word("previous_quality_score"),
        new: value.text("new_quality_score").unwrap_or_default(),
    }
}

/// Reads the value of `template_category_update`.
pub(super) fn template_category<'a>(value: &Json<'_, 'a>) -> TemplateCategory<'a> {
    TemplateCategory {
        template: template(value),
        previous: value.word("previous_category"),
        present: value.text("new_category").unwrap_or_default(),
        correct: value.word("correct_category"),
        changes_at_s: value.seconds("category_update_timestamp"),
    }
}

/// Reads the value of `template_correct_category_detection`.
pub(super) fn correct_category<'a>(value: &Json<'_, 'a>) -> TemplateCorrectCategory<'a> {
    TemplateCorrectCategory {
        template: template(value),
        category: value.word("category"),
        correct: value.text("correct_category").unwrap_or_default(),
    }
}

/// Reads the value of `message_template_components_update`.
pub(super) fn components<'a>(value: &Json<'_, 'a>) -> TemplateComponents<'a> {
    TemplateComponents {
        template: template(value),
        header: value.word("message_template_title"),
        body: value.word("message_template_element"),
        footer: value.word("message_template_footer"),
        buttons: value
            .objects("message_template_buttons")
            .filter_map(|button| button.word("message_template_button_text"))
            .collect(),
    }
}
