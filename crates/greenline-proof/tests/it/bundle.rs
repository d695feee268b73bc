//! Bundles: what they prove, and that nothing in them can be changed unseen.

use greenline_proof::{
    BUNDLE_FORMAT, Bundle, BundleEntry, BundleField, Earlier, Field, Hash, Head, PublishedHead,
    Report, Salts, Seed, SigningKey, Trust, consistency_proof, inclusion_proof, leaf_hash,
    read_heads, root_of, verify_bundle,
};
use proptest::prelude::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).expect("any 32 bytes make a key")
}

fn fields(at: usize) -> Vec<Field> {
    let field = |name: &str, value: String| Field {
        name: name.into(),
        value: value.into(),
    };
    vec![
        field("event", "granted".to_owned()),
        field("person", format!("[\"1555000{at:04}\"]")),
        field("evidence.wording", "Yes, send me \"offers\"".to_owned()),
    ]
}

/// A log of so many records, all kept.
struct Log {
    salts: Vec<Salts>,
    records: Vec<Vec<Field>>,
}

impl Log {
    fn of(count: usize) -> Self {
        let seed = |at: usize| Salts::Seed(Seed([at as u8; 16]));
        Self {
            salts: (0..count).map(seed).collect(),
            records: (0..count).map(fields).collect(),
        }
    }

    fn leaves(&self) -> Vec<Hash> {
        let leaves = self.records.iter().zip(&self.salts).map(|(fields, salts)| {
            leaf_hash(
                "event",
                &salts.commitments(fields).expect("fields of the leaf"),
            )
        });
        leaves.collect()
    }

    fn root(&self, size: usize) -> Hash {
        root_of(size as u64, &mut self.leaves().as_slice()).expect("all are there")
    }

    fn head(&self, size: usize) -> Head {
        Head {
            business: "acme".into(),
            size: size as u64,
            root: self.root(size),
            at_ms: 1_700_000_000_000,
        }
    }

    fn bundle(&self, entries: &[usize], earlier: Option<usize>, key: &SigningKey) -> Bundle {
        let leaves = self.leaves();
        let size = leaves.len() as u64;
        let texts = |hashes: Vec<Hash>| hashes.iter().map(Hash::to_string).collect();
        let entry = |at: &usize| {
            let (fields, salts) = (&self.records[*at], &self.salts[*at]);
            let openings = salts.openings(fields).expect("fields of the leaf");
            let proof = inclusion_proof(*at as u64, size, &mut leaves.as_slice());
            BundleEntry {
                kind: "event".to_owned(),
                index: *at as u64,
                fields: openings
                    .into_iter()
                    .map(|(name, opening)| BundleField::new(&name, opening, fields))
                    .collect(),
                proof: texts(proof.expect("all are there")),
            }
        };
        let earlier = earlier.map(|count| Earlier {
            size: count as u64,
            root: self.root(count).to_string(),
            proof: texts(
                consistency_proof(count as u64, size, &mut leaves.as_slice())
                    .expect("all are there"),
            ),
        });
        Bundle {
            format: BUNDLE_FORMAT.to_owned(),
            head: PublishedHead::new(&key.sign(self.head(leaves.len())), &key.public()),
            earlier: earlier.into_iter().collect(),
            entries: entries.iter().map(entry).collect(),
        }
    }
}

fn checked(bundle: &Bundle, trust: &Trust) -> Report {
    let json = bundle.to_json().expect("a bundle is JSON");
    verify_bundle(json.as_bytes(), trust).expect("it is a bundle")
}

fn trusting(key: &SigningKey, heads: Vec<Head>) -> Trust {
    Trust {
        keys: vec![key.public()],
        heads,
    }
}

fn problems(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_bundle_is_proved_and_says_what_it_does_not_prove() {
    let log = Log::of(11);
    let report = checked(&log.bundle(&[0, 4, 10], None, &key(1)), &Trust::default());
    assert_eq!(problems(&report), Vec::<String>::new());
    assert_eq!(report.entries.len(), 3);
    assert_eq!(report.entries[1].fields[0].1.as_deref(), Some("granted"));
    let said = report.not_proved.join("\n");
    for what in ["whose key", "rewrite the history", "leaves out", "is true"] {
        assert!(said.contains(what), "{what} is not said in: {said}");
    }
}

#[test]
fn with_a_trusted_key_and_an_earlier_head_more_is_proved() {
    let log = Log::of(11);
    let bundle = log.bundle(&[3], Some(6), &key(1));
    let report = checked(&bundle, &trusting(&key(1), vec![log.head(6)]));
    assert_eq!(problems(&report), Vec::<String>::new());
    let said = report.not_proved.join("\n");
    assert!(
        !said.contains("whose key") && !said.contains("rewrite"),
        "{said}"
    );
    let proved = report.proved.join("\n");
    assert!(
        proved.contains("nothing up to record 6 was rewritten"),
        "{proved}"
    );
    // A head of the bundle's own size needs no consistency proof.
    let report = checked(&bundle, &trusting(&key(1), vec![log.head(11)]));
    assert!(report.is_proved(), "{:?}", report.problems);
}

#[test]
fn a_key_that_is_not_trusted_is_refused() {
    let report = checked(
        &Log::of(3).bundle(&[1], None, &key(1)),
        &trusting(&key(2), Vec::new()),
    );
    assert_eq!(
        problems(&report),
        ["the head is signed by a key that you do not trust"]
    );
}

#[test]
fn a_history_rewritten_with_the_key_is_found_against_a_head_kept_outside() {
    let kept = Log::of(8).head(8);
    let mut log = Log::of(12);
    log.records[5][0].value = "withdrawn".into();
    let bundle = log.bundle(&[5], Some(8), &key(1));
    // By itself it looks whole …
    assert!(checked(&bundle, &trusting(&key(1), Vec::new())).is_proved());
    // … but not to someone who kept a head.
    let report = checked(&bundle, &trusting(&key(1), vec![kept.clone()]));
    assert_eq!(
        problems(&report),
        ["the first 8 records are not those of the head that was kept: the history was rewritten"]
    );
    // Nor does leaving the proof out, or a proof of the true past, help.
    let mut without = bundle.clone();
    without.earlier.clear();
    assert!(!checked(&without, &trusting(&key(1), vec![kept.clone()])).is_proved());
    let mut with_true_root = bundle;
    with_true_root.earlier[0].root = kept.root.to_string();
    assert!(!checked(&with_true_root, &trusting(&key(1), vec![kept])).is_proved());
}

#[test]
fn an_outside_head_that_cannot_be_compared_is_a_problem_and_says_what_to_do() {
    let log = Log::of(9);
    let bundle = log.bundle(&[1], None, &key(1));
    let told = |head: Head| problems(&checked(&bundle, &trusting(&key(1), vec![head]))).join("\n");
    assert!(told(log.head(4)).contains("from=4"));
    assert!(told(Log::of(30).head(20)).contains("ask for a newer bundle"));
    let other = Head {
        business: "other".into(),
        ..log.head(4)
    };
    assert!(told(other).contains("none of the heads given is of `acme`"));
}

#[test]
fn dropped_swapped_and_repeated_entries_are_found() {
    let bundle = Log::of(9).bundle(&[1, 4, 7], None, &key(1));
    let trust = Trust::default();
    let mut swapped = bundle.clone();
    swapped.entries.swap(0, 1);
    assert!(!checked(&swapped, &trust).is_proved());
    let mut renumbered = bundle.clone();
    renumbered.entries[0].index = 2;
    assert!(!checked(&renumbered, &trust).is_proved());
    let mut twice = bundle.clone();
    let one = twice.entries[1].clone();
    twice.entries.insert(1, one);
    assert!(!checked(&twice, &trust).is_proved());
    let mut lent = bundle;
    lent.entries[0].proof = lent.entries[1].proof.clone();
    assert!(!checked(&lent, &trust).is_proved());
}

#[test]
fn every_field_dropped_added_swapped_or_reopened_is_found() {
    let bundle = Log::of(5).bundle(&[2], None, &key(1));
    for at in 0..3 {
        let mut dropped = bundle.clone();
        dropped.entries[0].fields.remove(at);
        assert!(!checked(&dropped, &Trust::default()).is_proved());
        let mut added = bundle.clone();
        let field = added.entries[0].fields[at].clone();
        added.entries[0].fields.push(field);
        assert!(!checked(&added, &Trust::default()).is_proved());
        let mut swapped = bundle.clone();
        swapped.entries[0].fields.swap(at, (at + 1) % 3);
        assert!(!checked(&swapped, &Trust::default()).is_proved());
        let mut shut = bundle.clone();
        shut.entries[0].fields[at].salt = None;
        assert!(!checked(&shut, &Trust::default()).is_proved());
    }
}

#[test]
fn erased_fields_keep_the_bundle_whole() {
    let mut log = Log::of(7);
    let left = log.salts[3].without(&log.records[3], |name| name == "person");
    log.salts[3] = left.expect("fields of the leaf");
    log.records[3].retain(|field| &*field.name != "person");
    let report = checked(&log.bundle(&[3], None, &key(1)), &Trust::default());
    assert!(report.is_proved(), "{:?}", report.problems);
    assert_eq!(report.entries[0].fields[1], ("person".to_owned(), None));
    assert_eq!(report.head.root, Log::of(7).root(7));
    assert!(report.not_proved.join("\n").contains("erased"));
}

#[test]
fn what_is_no_bundle_is_refused() {
    let trust = Trust::default();
    assert!(verify_bundle(b"", &trust).is_err());
    assert!(verify_bundle(b"{}", &trust).is_err());
    let json = Log::of(2).bundle(&[0], None, &key(1)).to_json();
    let json = json.expect("a bundle is JSON");
    let other = json.replace("greenline-proof/1", "greenline-proof/2");
    let error = verify_bundle(other.as_bytes(), &trust).expect_err("an unknown format");
    assert!(error.to_string().contains("greenline-proof/2"));
    let more = json.replacen('{', "{\"note\":1,", 1);
    assert!(verify_bundle(more.as_bytes(), &trust).is_err());
}

#[test]
fn published_heads_are_read_one_a_line() {
    let log = Log::of(5);
    let line = |size| {
        let published = PublishedHead::new(&key(1).sign(log.head(size)), &key(1).public());
        serde_json::to_string(&published).expect("a head is JSON")
    };
    let text = format!("{}\n{}\n", line(2), line(5));
    let heads = read_heads(&text).expect("both read");
    let sizes: Vec<u64> = heads.iter().map(|head| head.size).collect();
    assert_eq!(sizes, [2, 5]);
    for head in heads {
        let (signed, key) = head.parsed().expect("its members have their form");
        assert!(signed.is_signed_by(&key));
    }
    assert!(read_heads(&text[..text.len() - 9]).is_err());
}

/// Whether a changed document is found out: it does not read, or something in it does not hold.
fn is_found(json: &[u8], trust: &Trust) -> bool {
    verify_bundle(json, trust).map_or(true, |report| !report.is_proved())
}

#[test]
fn every_byte_changed_by_its_last_bit_is_found() {
    let json = Log::of(6).bundle(&[0, 3], Some(4), &key(1)).to_json();
    let json = json.expect("a bundle is JSON").into_bytes();
    assert!(!is_found(&json, &Trust::default()));
    for at in 0..json.len() {
        let mut changed = json.clone();
        changed[at] ^= 1;
        assert!(is_found(&changed, &Trust::default()), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_byte_changed_in_any_way_is_found(
        count in 1_usize..20, at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let log = Log::of(count);
        let json = log.bundle(&[0, count - 1][..count.min(2)], Some(count.div_ceil(2)), &key(1)).to_json();
        let mut json = json.expect("a bundle is JSON").into_bytes();
        let at = at.index(json.len());
        prop_assume!(json[at] != byte);
        json[at] = byte;
        // White space between members is the one thing that says nothing; there is none to change.
        prop_assert!(is_found(&json, &Trust::default()));
    }
}
