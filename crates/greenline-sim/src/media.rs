//! Media: uploaded, looked up, downloaded, deleted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use greenline_wire::build::answer;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply};
use crate::request::Call;

/// What was uploaded. Bounded: the oldest go first.
pub(crate) struct Shelf {
    items: Mutex<Items>,
    bytes_max: usize,
}

#[derive(Default)]
struct Items {
    by_id: BTreeMap<String, Item>,
    order: VecDeque<String>,
    bytes: usize,
}

#[derive(Clone)]
struct Item {
    business: usize,
    mime_type: String,
    sha256: String,
    body: Bytes,
}

impl Shelf {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            items: Mutex::default(),
            bytes_max,
        }
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.items().by_id.contains_key(id)
    }

    fn get(&self, id: &str) -> Option<Item> {
        self.items().by_id.get(id).cloned()
    }

    fn put(&self, id: String, item: Item) {
        let mut items = self.items();
        items.bytes += item.body.len();
        items.order.push_back(id.clone());
        items.by_id.insert(id, item);
        while items.bytes > self.bytes_max {
            let Some(oldest) = items.order.pop_front() else {
                break;
            };
            if let Some(gone) = items.by_id.remove(&oldest) {
                items.bytes -= gone.body.len();
            }
        }
    }

    fn remove(&self, id: &str) {
        let mut items = self.items();
        if let Some(gone) = items.by_id.remove(id) {
            items.bytes -= gone.body.len();
            items.order.retain(|known| known != id);
        }
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /{number}/media`
pub(crate) fn upload(sim: &Platform, business: usize, call: &Call) -> Answer {
    if call.text("messaging_product").is_none() {
        return Err(Refusal::missing("messaging_product"));
    }
    let file = call
        .parts
        .iter()
        .find(|part| part.name == "file")
        .ok_or_else(|| Refusal::missing("file"))?;
    if file.body.is_empty() {
        return Err(Refusal::new(131_053, "The file is empty."));
    }
    let mime_type = call
        .text("type")
        .or_else(|| file.content_type.clone())
        .ok_or_else(|| Refusal::missing("type"))?;
    if !is_supported(&mime_type) {
        return Err(Refusal::parameter(
            "Param file must be a file with one of the supported types.",
        ));
    }
    let id = sim.ids.object().to_string();
    let item = Item {
        business,
        mime_type,
        sha256: hex(&Sha256::digest(&file.body)),
        body: file.body.clone(),
    };
    sim.media.put(id.clone(), item);
    Ok(Reply::bytes(answer::id(&id)))
}

fn is_supported(mime_type: &str) -> bool {
    let kind = mime_type.split(';').next().unwrap_or_default().trim();
    ["image/", "audio/", "video/", "text/"]
        .iter()
        .any(|prefix| kind.starts_with(prefix))
        || kind == "application/pdf"
        || kind.starts_with("application/vnd.")
        || kind == "application/msword"
}

/// Whether this media exists and belongs to the business.
pub(crate) fn is_own(sim: &Platform, business: usize, id: &str) -> bool {
    sim.media
        .get(id)
        .is_some_and(|item| item.business == business)
}

/// `GET /{media}`: where it can be downloaded. The address works for 5 minutes in reality,
/// for ever here.
pub(crate) fn locate(sim: &Platform, id: &str, call: &Call) -> Answer {
    let item = sim
        .media
        .get(id)
        .ok_or_else(|| Refusal::unknown_object("GET", id))?;
    let hash = item.sha256.get(..16).unwrap_or_default();
    let url = call.link(&format!(
        "/whatsapp_business/attachments/?mid={id}&ext={}&hash={hash}",
        sim.clock.now_s() + 300
    ));
    Ok(Reply::json(&json!({
        "url": url,
        "mime_type": item.mime_type,
        "sha256": item.sha256,
        "file_size": item.body.len(),
        "id": id,
        "messaging_product": "whatsapp",
    })))
}

/// `GET /whatsapp_business/attachments/`: the bytes.
pub(crate) fn download(sim: &Platform, business: usize, call: &Call) -> Answer {
    let id = call.text("mid").ok_or_else(|| Refusal::missing("mid"))?;
    let item = sim
        .media
        .get(&id)
        .filter(|item| item.business == business)
        .ok_or_else(|| Refusal {
            http: 404,
            ..Refusal::unknown_object("GET", &id)
        })?;
    Ok(Reply {
        content_type: item.mime_type.into(),
        ..Reply::bytes(item.body)
    })
}

/// `DELETE /{media}`
pub(crate) fn delete(sim: &Platform, id: &str) -> Answer {
    sim.media.remove(id);
    Ok(Reply::success())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
