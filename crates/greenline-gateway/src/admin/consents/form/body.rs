//! The shape of `POST /v1/consents`: what a yes must look like, and what the documentation shows.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::consents::BULK_ROWS_MAX;

/// A consent event to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Consent, example = json!({
    "business": "acme", "person": {"wa_id": "15551230001"}, "scope": "marketing", "event": "granted",
    "occurred_at": "2026-11-20T09:30:00Z",
    "evidence": {"method": "website_form", "wording": "Yes, send me offers from Acme on WhatsApp", "business_name": "Acme", "source": "https://acme.example/offers"}
}))]
pub(super) struct ConsentBody {
    /// The business; may be left out with a token that reaches only one.
    #[serde(default, rename = "business")]
    pub(super) _business: Option<String>,
    /// Who; more than one identifier are thereby known to be one person.
    pub(super) person: PersonBody,
    /// `all`, `marketing`, `utility`, `authentication`, `calls`, or a declared topic such as `marketing.offers`.
    pub(super) scope: String,
    /// `granted`, `refused`, `withdrawn`, `reconfirmed`, `expired` or `native_stopped`.
    #[serde(rename = "event")]
    pub(super) _event: String,
    /// When the person acted, RFC 3339. Left out: the time of arrival.
    #[serde(default)]
    pub(super) occurred_at: Option<String>,
    /// The proof. A yes without method, wording (or its version) and the business's name is only claimed.
    #[serde(default)]
    pub(super) evidence: Option<EvidenceBody>,
    /// As the header `Idempotency-Key`: the same event with the same key is recorded once.
    #[serde(default, rename = "dedup")]
    pub(super) _dedup: Option<String>,
}

/// What `POST /v1/consents` takes, for the documentation: reading is laxer for a no.
pub(crate) struct ConsentsBody;

impl PartialSchema for ConsentsBody {
    fn schema() -> RefOr<Schema> {
        let one = || Ref::from_schema_name(ConsentBody::name());
        let many = ObjectBuilder::new()
            .title(Some("Many events"))
            .property(
                "consents",
                ArrayBuilder::new()
                    .items(one())
                    .max_items(Some(BULK_ROWS_MAX)),
            )
            .required("consents");
        OneOfBuilder::new().item(one()).item(many).into()
    }
}

impl ToSchema for ConsentsBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Consents")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ConsentBody::name().into_owned(), ConsentBody::schema()));
        ConsentBody::schemas(schemas);
    }
}

/// Who; at least one member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PersonRef)]
pub(super) struct PersonBody {
    /// Phone number with country code; `+`, spaces and brackets are fine.
    #[serde(default)]
    pub(super) wa_id: Option<String>,
    /// Business-scoped user id, or the parent form.
    #[serde(default)]
    pub(super) user_id: Option<String>,
}

/// What proves the event; other members are kept as they are.
#[derive(Deserialize, ToSchema)]
#[schema(as = Evidence)]
pub(super) struct EvidenceBody {
    /// How it was given.
    #[serde(default)]
    pub(super) method: String,
    /// The exact wording shown.
    #[serde(default)]
    pub(super) wording: String,
    /// The version of the wording, when the text itself is kept elsewhere.
    #[serde(default)]
    pub(super) wording_version: String,
    /// The business name shown.
    #[serde(default)]
    pub(super) business_name: String,
    /// Where, such as the page's address.
    #[serde(default)]
    pub(super) source: String,
    /// The network address it came from.
    #[serde(default)]
    pub(super) ip: String,
    /// The message that carried it.
    #[serde(default)]
    pub(super) message_id: String,
    /// A file that proves it.
    #[serde(default)]
    pub(super) file: String,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) extra: Map<String, Value>,
}
