//! Each `InfoType` is decided on the stream it belongs to.

use mandate_wechat::callback::{Callback, Info};

use super::samples::{
    authorized_at, callback, component, component_stream, merchant_stream, second, unauthorized_at,
    updateauthorized_at,
};
use crate::{AboutCode, Decision, decide_authorizer_callback, decide_component_callback, stream_of};

/// A well-formed sample of each `InfoType` that is no fact of an authorizer, though most name one.
fn component_callbacks() -> Vec<Callback> {
    let appid = "<appid>wxa0b1c2d3e4f50617</appid>";
    let status = format!("<status>0</status>{appid}");
    [
        ("component_verify_ticket", "<ComponentVerifyTicket>ticket@@@a</ComponentVerifyTicket>".to_owned()),
        ("notify_third_fasteregister", format!("{status}<auth_code>code</auth_code>")),
        ("notify_third_fastregisterbetaapp", status.clone()),
        ("notify_third_fastverifybetaapp", status),
        (
            "notify_icpfiling_verify_result",
            "<task_id>1</task_id><verify_appid>wxa0b1c2d3e4f50617</verify_appid><result>3</result>"
                .to_owned(),
        ),
        (
            "notify_apply_icpfiling_result",
            "<authorizer_appid>wxa0b1c2d3e4f50617</authorizer_appid><beian_status>6</beian_status>"
                .to_owned(),
        ),
        ("notify_3rd_wxa_auth", format!("{appid}<taskid>1</taskid><task_status>0</task_status>")),
        ("notify_3rd_wxa_wxverify", format!("{appid}<expired>1767225600</expired>")),
        (
            "notify_3rd_wxa_auth_and_icp",
            "<procedure_id>1</procedure_id><procedure_status>26</procedure_status>".to_owned(),
        ),
        ("order_path_apply_result_notify", format!("<list>{appid}<ret_code>0</ret_code></list>")),
        ("order_path_audit_result_notify", format!("<list>{appid}<status>4</status></list>")),
    ]
    .map(|(info_type, elements)| callback(100, info_type, &elements))
    .into()
}

#[test]
fn authorizations_belong_to_the_authorizer() {
    for callback in [authorized_at(100), updateauthorized_at(100), unauthorized_at(100)] {
        assert_eq!(stream_of(&component(), &callback), merchant_stream(), "{}", callback.info_type());
    }
}

#[test]
fn tickets_and_notices_belong_to_the_component() {
    for callback in component_callbacks() {
        assert!(!matches!(callback.info, Info::Other { .. }), "the sample of {callback:?} is incomplete");
        assert_eq!(stream_of(&component(), &callback), component_stream(), "{}", callback.info_type());
    }
}

#[test]
fn what_is_unknown_belongs_to_the_component_even_if_it_names_an_authorizer() {
    let unknown =
        callback(100, "notify_of_tomorrow", "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid>");
    assert_eq!(stream_of(&component(), &unknown), component_stream());
}

#[test]
fn every_callback_of_the_component_leaves_exactly_one_event() {
    for callback in component_callbacks() {
        let decision = decide_component_callback(&component(), None, &callback);
        assert_eq!(decision.events.len(), 1, "{}", callback.info_type());
    }
}

#[test]
fn no_callback_of_the_component_changes_an_authorizer() {
    for callback in component_callbacks() {
        assert_eq!(
            decide_authorizer_callback(&component(), None, &callback, &AboutCode::default(), second(601)),
            Decision::nothing()
        );
    }
}
