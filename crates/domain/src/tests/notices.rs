//! Notices: whatever is no ticket and no authorization is kept whole, its secrets apart.

use std::collections::BTreeSet;

use mandate_schema::{CreateTime, Document, Event, Field, NoticeReceived};
use mandate_wechat::callback::Callback;

use super::samples::{MERCHANT, callback, callback_without_time, component, merchant};
use crate::{NewEvent, decide_component_callback};

/// The one event of a notice.
#[track_caller]
fn notice_of(callback: &Callback) -> (NewEvent, NoticeReceived) {
    let decision = decide_component_callback(&component(), None, callback);
    let [new] = &decision.events[..] else { panic!("not one event: {decision:?}") };
    let Event::NoticeReceived(notice) = &new.event else { panic!("not a notice: {new:?}") };
    (new.clone(), notice.clone())
}

/// The public paths and texts of a notice beyond those that every callback has.
fn public(notice: &NoticeReceived) -> Vec<(&str, &[String])> {
    let document = notice.document.as_ref().expect("not erased");
    document.iter().filter(|(path, _)| !["AppId", "CreateTime", "InfoType"].contains(path)).collect()
}

fn secrets(new: &NewEvent) -> Vec<(Field, Document)> {
    let parse = |(field, text): &(Field, mandate_schema::Secret)| {
        (*field, serde_json::from_str(text.expose()).expect("a document"))
    };
    new.secrets.iter().map(parse).collect()
}

#[test]
fn an_unknown_info_type_is_a_notice_under_its_own_name() {
    let (new, notice) = notice_of(&callback(100, "notify_of_tomorrow", "<a><b>1</b><b>2</b></a><c>3</c>"));
    assert_eq!((notice.info_type.as_str(), notice.create_time), ("notify_of_tomorrow", CreateTime(100)));
    assert_eq!(
        public(&notice),
        [("a.b", &["1".to_owned(), "2".to_owned()][..]), ("c", &["3".to_owned()][..])]
    );
    assert_eq!((new.secrets.len(), new.about.len()), (0, 0));
}

#[test]
fn a_notice_without_secrets_seals_nothing_more() {
    let (new, _) = notice_of(&callback(100, "notify_3rd_wxa_auth_and_icp", "<procedure_id>1</procedure_id>"));
    assert_eq!(new.secrets, []);
}

#[test]
fn secret_elements_are_sealed_apart_and_not_published() {
    let elements = "<auth_code>code</auth_code><inner><NewToken>t1</NewToken><NewToken>t2</NewToken></inner>\
                    <status>0</status>";
    for info_type in ["notify_third_fasteregister", "notify_of_tomorrow"] {
        let (new, notice) = notice_of(&callback(100, info_type, elements));
        assert_eq!(public(&notice), [("status", &["0".to_owned()][..])]);
        let mut expected = Document::default();
        expected.push("auth_code", "code");
        expected.push("inner.NewToken", "t1");
        expected.push("inner.NewToken", "t2");
        assert_eq!(secrets(&new), [(Field::Secrets, expected)]);
    }
}

#[test]
fn debug_shows_no_secret_of_a_notice() {
    let callback = callback(100, "notify_of_tomorrow", "<AuthCode>queryauthcode@@@hidden</AuthCode>");
    let decision = decide_component_callback(&component(), None, &callback);
    assert!(!format!("{decision:?}").contains("hidden"));
}

#[test]
fn a_notice_knows_the_authorizers_it_names() {
    let appid = format!("<appid>{MERCHANT}</appid>");
    let verify = format!("{appid}<expired>1767225600</expired>");
    let apply = format!("<list>{appid}<ret_code>0</ret_code></list>");
    for (info_type, elements) in [
        ("notify_third_fasteregister", format!("<status>0</status>{appid}")),
        ("notify_3rd_wxa_wxverify", verify),
        ("order_path_apply_result_notify", apply),
    ] {
        let (new, _) = notice_of(&callback(100, info_type, &elements));
        assert_eq!(new.about, BTreeSet::from([merchant()]), "{info_type}");
    }
}

#[test]
fn an_authorization_that_names_no_authorizer_is_kept_as_a_notice() {
    for info_type in ["authorized", "updateauthorized", "unauthorized"] {
        let (_, notice) = notice_of(&callback(100, info_type, "<Reason>unknown</Reason>"));
        assert_eq!(notice.info_type, info_type);
        assert_eq!(public(&notice), [("Reason", &["unknown".to_owned()][..])]);
    }
}

#[test]
fn a_notice_without_a_time_has_that_of_its_push() {
    let (_, notice) = notice_of(&callback_without_time(650, "notify_of_tomorrow", "<a>1</a>"));
    assert_eq!(notice.create_time, CreateTime(650));
}
