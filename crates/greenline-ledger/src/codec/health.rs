//! What a number's row keeps of a read of `health_status`: `BLOCKED;WABA=BLOCKED:141008;PHONE_NUMBER=AVAILABLE`.

use greenline_policy::health::state::{Entity, EntityKind, Health, Sending};

/// Entries of one read that are kept.
const ENTITIES_MAX: usize = 16;
/// Codes of one entry that are kept.
const CODES_MAX: usize = 8;

/// A read as its row keeps it.
pub(crate) fn health_text(read: &Health) -> Box<str> {
    let mut text = read.overall.as_str().to_owned();
    for entity in read.entities.iter().take(ENTITIES_MAX) {
        text.push(';');
        text.push_str(entity.kind.as_str());
        text.push('=');
        text.push_str(entity.sending.as_str());
        for (place, code) in entity.codes.iter().take(CODES_MAX).enumerate() {
            text.push(if place == 0 { ':' } else { ',' });
            text.push_str(&code.to_string());
        }
    }
    text.into()
}

/// Reads [`health_text`].
pub(crate) fn health_read(text: &str) -> Health {
    let mut parts = text.split(';');
    let overall = Sending::parse(parts.next().unwrap_or_default());
    let entities = parts.map(|part| {
        let (kind, said) = part.split_once('=').unwrap_or((part, ""));
        let (sending, codes) = said.split_once(':').unwrap_or((said, ""));
        Entity {
            kind: EntityKind::parse(kind),
            sending: Sending::parse(sending),
            codes: codes
                .split(',')
                .filter_map(|code| code.parse().ok())
                .collect(),
        }
    });
    Health {
        overall,
        entities: entities.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_comes_back_as_it_was() {
        let entity = |kind, sending, codes: &[u32]| Entity {
            kind,
            sending,
            codes: codes.to_vec(),
        };
        for entities in [
            Vec::new(),
            vec![
                entity(EntityKind::Account, Sending::Blocked, &[141_008, 141_014]),
                entity(EntityKind::Number, Sending::Available, &[]),
                entity(EntityKind::Other, Sending::Other, &[7]),
            ],
        ] {
            let read = Health {
                overall: Sending::Blocked,
                entities,
            };
            assert_eq!(health_read(&health_text(&read)), read);
        }
    }
}
