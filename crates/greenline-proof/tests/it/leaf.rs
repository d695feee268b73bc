//! Leaves: what they commit to, and what erasing leaves of them.

use greenline_proof::{BadLeaf, Field, Opening, Salts, Seed, leaf_hash};

fn field(name: &str, value: &str) -> Field {
    let (name, value) = (name.into(), value.into());
    Field { name, value }
}

fn fields() -> Vec<Field> {
    vec![
        field("event", "granted"),
        field("person", "[\"15550001111\"]"),
        field("evidence.ip", "192.0.2.7"),
    ]
}

fn salts() -> Salts {
    Salts::Seed(Seed([7; 16]))
}

fn hash(salts: &Salts, fields: &[Field]) -> Result<greenline_proof::Hash, BadLeaf> {
    Ok(leaf_hash("event", &salts.commitments(fields)?))
}

#[test]
fn another_value_name_order_or_kind_is_another_leaf() {
    let leaf = hash(&salts(), &fields());
    let mut value = fields();
    value[1].value = "[\"15550001112\"]".into();
    let mut name = fields();
    name[1].name = "persons".into();
    let mut order = fields();
    order.swap(0, 1);
    let mut fewer = fields();
    fewer.pop();
    for other in [value, name, order, fewer] {
        assert_ne!(hash(&salts(), &other), leaf);
    }
    let commitments = salts().commitments(&fields()).expect("a seed opens all");
    assert_ne!(Ok(leaf_hash("decision", &commitments)), leaf);
    assert_ne!(hash(&Salts::Seed(Seed([8; 16])), &fields()), leaf);
}

#[test]
fn each_field_has_a_salt_of_its_own() {
    let openings = salts().openings(&fields()).expect("a seed opens all");
    for (at, (_, one)) in openings.iter().enumerate() {
        for (_, other) in &openings[at + 1..] {
            assert_ne!(one, other);
        }
    }
}

#[test]
fn what_is_erased_leaves_the_leaf_as_it_was() {
    let whole = hash(&salts(), &fields());
    let left = salts()
        .without(&fields(), |name| name != "event")
        .expect("the fields are the leaf's");
    let mut rest = fields();
    rest.truncate(1);
    assert_eq!(hash(&left, &rest), whole);
    let again = Salts::from_bytes(&left.to_bytes()).expect("what was written reads");
    assert_eq!(again, left);
    let Salts::Each(each) = again else {
        panic!("what is erased cannot come from a seed");
    };
    let erased = |(_, opening): &&(Box<str>, Opening)| matches!(opening, Opening::Erased(_));
    assert_eq!(each.iter().filter(erased).count(), 2);
    // Erasing more later keeps what was erased before.
    let none = Salts::Each(each)
        .without(&rest, |_| true)
        .expect("the rest is the leaf's");
    assert_eq!(hash(&none, &[]), whole);
}

#[test]
fn after_erasure_a_changed_an_added_and_a_missing_field_are_still_found() {
    let whole = hash(&salts(), &fields());
    let left = salts()
        .without(&fields(), |name| name == "person")
        .expect("the fields are the leaf's");
    let rest = vec![field("event", "granted"), field("evidence.ip", "192.0.2.7")];
    assert_eq!(hash(&left, &rest), whole);
    let mut changed = rest.clone();
    changed[0].value = "refused".into();
    assert_ne!(hash(&left, &changed), whole);
    let added = BadLeaf::Added("person".into());
    assert_eq!(hash(&left, &fields()), Err(added));
    let gone = BadLeaf::Gone("evidence.ip".into());
    assert_eq!(hash(&left, &rest[..1]), Err(gone));
}

#[test]
fn salts_that_do_not_read_are_refused() {
    let left = salts()
        .without(&fields(), |name| name == "person")
        .expect("the fields are the leaf's")
        .to_bytes();
    for end in 1..left.len() {
        if let Ok(Salts::Each(each)) = Salts::from_bytes(&left[..end]) {
            assert!(each.len() < 3, "{end} bytes are not the whole");
        }
    }
    assert_eq!(Salts::from_bytes(&[]), Err(BadLeaf::Unreadable));
    assert_eq!(Salts::from_bytes(&[9, 9]), Err(BadLeaf::Unreadable));
}
