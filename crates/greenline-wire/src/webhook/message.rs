//! Inbound messages.

use std::borrow::Cow;
use std::fmt;

use super::{Contact, ErrorItem, Metadata, Raw, Status, UserAction};
use crate::shy::shy_debug;

mod read;

pub(super) use read::{echoes, messages, standby};

/// The value of `messages`, and of `standby`.
#[derive(Clone, Default)]
pub struct Messages<'a> {
    /// The number it came in on.
    pub metadata: Metadata<'a>,
    /// The people.
    pub contacts: Vec<Contact<'a>>,
    /// What they sent: as many as the delivery holds, readable or not.
    pub messages: Vec<Inbound<'a>>,
    /// What became of messages to them.
    pub statuses: Vec<Status<'a>>,
    /// Errors of the account or number.
    pub errors: Vec<ErrorItem<'a>>,
    /// Clicks.
    pub user_actions: Vec<UserAction<'a>>,
    /// Messages of other apps, in `standby`.
    pub echoes: Vec<Echo<'a>>,
}

/// A message a person sent.
#[derive(Clone)]
pub struct Inbound<'a> {
    /// The person's WhatsApp id; may be missing (SND-72).
    pub from: Option<Cow<'a, str>>,
    /// The person's business-scoped user id.
    pub from_user_id: Option<Cow<'a, str>>,
    /// The person's parent user id.
    pub from_parent_user_id: Option<Cow<'a, str>>,
    /// The group it was written in.
    pub group_id: Option<Cow<'a, str>>,
    /// The message's id; empty where it could not be read.
    pub id: Cow<'a, str>,
    /// When it was sent, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// What it is.
    pub kind: InboundKind<'a>,
    /// The message it answers.
    pub context_id: Option<Cow<'a, str>>,
    /// Whether it was forwarded.
    pub forwarded: bool,
    /// The ad or post it came from; not a consent.
    pub referral: Option<Referral<'a>>,
    /// The message, byte for byte.
    pub raw: Raw<'a>,
}

/// What an inbound message is.
#[derive(Clone, PartialEq)]
pub enum InboundKind<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A tap on a template's quick-reply button (OPT-32).
    Button {
        /// The payload the template gave it.
        payload: Option<Cow<'a, str>>,
        /// What it says.
        text: Option<Cow<'a, str>>,
    },
    /// A tap on a free-form message's button.
    ButtonReply {
        /// The button's id.
        id: Option<Cow<'a, str>>,
        /// What it says.
        title: Option<Cow<'a, str>>,
    },
    /// A row of a list.
    ListReply {
        /// The row's id.
        id: Option<Cow<'a, str>>,
        /// What it says.
        title: Option<Cow<'a, str>>,
        /// The line below.
        description: Option<Cow<'a, str>>,
    },
    /// A finished Flow form.
    NfmReply {
        /// `flow`, `address_message`, …
        name: Option<Cow<'a, str>>,
        /// What the thread shows.
        body: Option<Cow<'a, str>>,
        /// The form's answers, a JSON text.
        response_json: Option<Cow<'a, str>>,
    },
    /// An answer to a request for permission to call.
    CallPermissionReply {
        /// `accept` or `reject`.
        response: Option<Cow<'a, str>>,
        /// When the permission ends, in Unix seconds.
        expiration_s: Option<i64>,
        /// Whether it has no end.
        permanent: bool,
        /// `user_action` or `automatic`.
        source: Option<Cow<'a, str>>,
    },
    /// Another interactive reply.
    Interactive {
        /// Its type.
        kind: Cow<'a, str>,
    },
    /// A file.
    Media {
        /// Which kind.
        kind: MediaKind,
        /// The text below it, which counts as text.
        caption: Option<Cow<'a, str>>,
        /// Its media id.
        id: Option<Cow<'a, str>>,
    },
    /// A place.
    Location,
    /// Address cards.
    Contacts,
    /// A cart.
    Order {
        /// The text that came with it.
        text: Option<Cow<'a, str>>,
    },
    /// A reaction; opens nothing.
    Reaction {
        /// The message reacted to.
        message_id: Option<Cow<'a, str>>,
        /// The emoji; missing when taken back.
        emoji: Option<Cow<'a, str>>,
    },
    /// News about the person's identifiers.
    System(System<'a>),
    /// A changed message.
    Edit {
        /// The message that was changed.
        original_message_id: Option<Cow<'a, str>>,
        /// The new text or caption.
        text: Option<Cow<'a, str>>,
    },
    /// A message taken back; what it said still stands.
    Revoke {
        /// The message taken back.
        original_message_id: Option<Cow<'a, str>>,
    },
    /// Something that cannot be shown; still inbound.
    Unsupported {
        /// `unsupported.type`
        what: Option<Cow<'a, str>>,
    },
    /// A type that is not known here.
    Unknown {
        /// The type.
        kind: Cow<'a, str>,
    },
    /// A message that could not be read; still inbound.
    Unreadable,
}

/// Kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `image`
    Image,
    /// `audio`, voice notes too
    Audio,
    /// `video`
    Video,
    /// `document`
    Document,
    /// `sticker`
    Sticker,
}

/// A `system` message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct System<'a> {
    /// `user_changed_number`, `user_changed_user_id`, `customer_identity_changed`, …
    pub kind: Cow<'a, str>,
    /// The sentence for a human reader; holds numbers, so not for logs.
    pub body: Option<Cow<'a, str>>,
    /// The new WhatsApp id (`wa_id`, in old versions `new_wa_id`).
    pub wa_id: Option<Cow<'a, str>>,
    /// The new user id.
    pub user_id: Option<Cow<'a, str>>,
    /// The new parent user id.
    pub parent_user_id: Option<Cow<'a, str>>,
    /// The old user id.
    pub previous_user_id: Option<Cow<'a, str>>,
    /// The old parent user id.
    pub previous_parent_user_id: Option<Cow<'a, str>>,
    /// `identity.hash`, for a changed identity.
    pub identity_hash: Option<Cow<'a, str>>,
}

/// The ad or post a message came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referral<'a> {
    /// `ad` or `post`.
    pub source_type: Option<Cow<'a, str>>,
    /// Its id.
    pub source_id: Option<Cow<'a, str>>,
    /// Its address.
    pub source_url: Option<Cow<'a, str>>,
    /// The click's id.
    pub ctwa_clid: Option<Cow<'a, str>>,
}

/// The value of `message_echoes` and `smb_message_echoes`.
#[derive(Clone, Default)]
pub struct Echoes<'a> {
    /// Whether they were typed in the phone app (`smb_message_echoes`).
    pub phone_app: bool,
    /// The number they were sent from.
    pub metadata: Metadata<'a>,
    /// The people.
    pub contacts: Vec<Contact<'a>>,
    /// The messages.
    pub echoes: Vec<Echo<'a>>,
}

/// A message to a person that did not go through the gateway.
#[derive(Clone)]
pub struct Echo<'a> {
    /// The business's number.
    pub from: Option<Cow<'a, str>>,
    /// The person's WhatsApp id.
    pub to: Option<Cow<'a, str>>,
    /// The person's user id.
    pub to_user_id: Option<Cow<'a, str>>,
    /// The person's parent user id.
    pub to_parent_user_id: Option<Cow<'a, str>>,
    /// The message's id; empty where it could not be read.
    pub id: Cow<'a, str>,
    /// When it was sent, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// What it is.
    pub kind: InboundKind<'a>,
}

shy_debug!(Messages {
    messages,
    statuses,
    errors
});

shy_debug!(Inbound {
    id,
    timestamp_s,
    kind
});

shy_debug!(System { kind });

shy_debug!(Echoes { phone_app, echoes });

shy_debug!(Echo {
    id,
    timestamp_s,
    kind
});

impl InboundKind<'_> {
    /// Its name, in one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            InboundKind::Text(_) => "text",
            InboundKind::Button { .. } => "button",
            InboundKind::ButtonReply { .. } => "button_reply",
            InboundKind::ListReply { .. } => "list_reply",
            InboundKind::NfmReply { .. } => "nfm_reply",
            InboundKind::CallPermissionReply { .. } => "call_permission_reply",
            InboundKind::Interactive { .. } => "interactive",
            InboundKind::Media { .. } => "media",
            InboundKind::Location => "location",
            InboundKind::Contacts => "contacts",
            InboundKind::Order { .. } => "order",
            InboundKind::Reaction { .. } => "reaction",
            InboundKind::System(_) => "system",
            InboundKind::Edit { .. } => "edit",
            InboundKind::Revoke { .. } => "revoke",
            InboundKind::Unsupported { .. } => "unsupported",
            InboundKind::Unknown { .. } => "unknown",
            InboundKind::Unreadable => "unreadable",
        }
    }
}

impl fmt::Debug for InboundKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
