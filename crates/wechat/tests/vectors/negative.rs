//! Pushes that must be refused, each for its own reason.

use std::{cell::RefCell, collections::BTreeSet};

use crate::support::run;

#[test]
fn every_forged_or_broken_push_is_refused_with_its_own_kind() {
    let kinds = RefCell::new(BTreeSet::new());
    run("negative.json", |vector| {
        assert_eq!(vector.operation, "decrypt");
        let kind = match vector.open() {
            Err(error) => error.kind(),
            // It is from `WeChat`, whatever is in it: no reason to refuse it.
            Ok(opened) => str::from_utf8(opened.plaintext.bytes()).map_or("bad_utf8", |_| "accepted"),
        };
        assert_eq!(Some(kind), vector.expect.error.as_deref(), "{}", vector.id);
        kinds.borrow_mut().insert(kind);
    });
    // All kinds that one push under one key can give.
    let expected = [
        "bad_base64",
        "bad_block_length",
        "bad_key",
        "bad_length",
        "bad_padding",
        "bad_signature",
        "bad_utf8",
        "malformed_envelope",
        "missing_encrypt",
        "missing_parameter",
        "too_short",
        "wrong_appid",
    ];
    assert_eq!(kinds.into_inner(), BTreeSet::from(expected));
}

#[test]
fn a_push_that_is_not_marked_as_encrypted_is_refused_before_its_body_is_read() {
    run("negative.json", |vector| {
        let (Ok(mut query), Ok(ring)) = (vector.query(), vector.ring()) else {
            return;
        };
        for encrypt_type in [None, Some("raw".to_owned()), Some("aes2".to_owned()), Some(" aes".to_owned())] {
            query.encrypt_type = encrypt_type;
            let error = ring.open(&query, vector.envelope.as_deref().unwrap().as_bytes()).unwrap_err();
            assert_eq!(error.kind(), "not_encrypted", "{}", vector.id);
        }
    });
}
