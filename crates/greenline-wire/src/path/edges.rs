//! The list of edges that may be written to.
//!
//! Data, so that it can be read at a glance: an edge is *safe* when writing to it
//! can neither reach a person nor reroute traffic, *trusted* when it can reroute
//! traffic, hand out access or register numbers. Everything else is unlisted.

use super::{Access, Write};

/// One edge and the methods it is listed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeRule {
    /// The edge, lower case.
    pub edge: &'static str,
    /// Whether `POST` is listed.
    pub post: bool,
    /// Whether `DELETE` is listed.
    pub delete: bool,
    /// What it is for.
    pub what: &'static str,
}

const fn post(edge: &'static str, what: &'static str) -> EdgeRule {
    EdgeRule {
        edge,
        post: true,
        delete: false,
        what,
    }
}

const fn both(edge: &'static str, what: &'static str) -> EdgeRule {
    EdgeRule {
        edge,
        post: true,
        delete: true,
        what,
    }
}

/// Edges whose writes reach nobody and reroute nothing.
pub const SAFE: [EdgeRule; 14] = [
    both("message_templates", "makes and deletes templates"),
    post("unpause", "ends a pacing pause of a template (SND-23)"),
    post("media", "uploads a file for later use"),
    post("uploads", "opens a resumable upload"),
    post(
        "whatsapp_business_profile",
        "changes what the profile shows",
    ),
    both("block_users", "blocks and unblocks people (OPT-34)"),
    post("flows", "makes a Flow"),
    post("assets", "replaces the content of a Flow"),
    post("publish", "publishes a Flow"),
    post("deprecate", "retires a Flow"),
    post(
        "conversational_automation",
        "sets ice breakers and commands",
    ),
    both("message_qrdls", "makes and deletes QR codes"),
    post(
        "whatsapp_commerce_settings",
        "shows or hides cart and catalog",
    ),
    post("signups", "makes sign-up links (OPT-21)"),
];

/// Edges below which one named part may be written, as in `/{number}/message_qrdls/{code}`.
pub const DEEPER_SAFE: [&str; 2] = ["message_qrdls", "signups"];

/// Edges that need a trusted app.
pub const TRUSTED: [EdgeRule; 18] = [
    both(
        "subscribed_apps",
        "decides where webhooks go (WH-06, WH-07)",
    ),
    both("subscriptions", "decides where an app's webhooks go"),
    post("register", "registers a number (MOV-21)"),
    post("deregister", "takes a number off the platform"),
    post("request_code", "asks for a verification code"),
    post("verify_code", "verifies a number"),
    post("settings", "sets calling, SIP and encryption of a number"),
    post("phone_numbers", "adds a number"),
    both("assigned_users", "gives and takes access"),
    both("system_users", "makes users that hold tokens"),
    both("access_tokens", "makes tokens"),
    both("access_token", "makes tokens"),
    both("permissions", "takes an app's access"),
    post(
        "whatsapp_business_encryption",
        "sets the key of Flow endpoints",
    ),
    post(
        "migrate_message_templates",
        "copies templates to another account",
    ),
    post("smb_app_data", "starts a sync with the phone app"),
    both("username", "changes the business's username"),
    both("official_business_account", "asks for the official mark"),
];

/// First parts of paths that deal in tokens.
pub(super) const TOKENS: [&str; 4] = ["oauth", "debug_token", "device", "access_token"];

/// Edges whose reads hand out tokens.
pub(super) const TOKEN_EDGES: [&str; 3] =
    ["access_tokens", "access_token", "system_user_access_tokens"];

/// What a write to an edge takes.
pub(super) fn access(write: Write, edge: &str, deeper: bool) -> Access {
    let listed = |rules: &[EdgeRule]| {
        rules.iter().any(|rule| {
            rule.edge == edge
                && match write {
                    Write::Post => rule.post,
                    Write::Delete => rule.delete,
                    Write::Other => false,
                }
        })
    };
    if listed(&TRUSTED) {
        Access::WriteTrusted
    } else if listed(&SAFE) && (!deeper || DEEPER_SAFE.contains(&edge)) {
        Access::WriteSafe
    } else {
        Access::WriteUnlisted
    }
}
