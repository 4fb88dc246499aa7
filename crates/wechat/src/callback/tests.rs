use super::*;

const HEAD: &str = "<AppId>wx1f2e3d4c5b6a7988</AppId><CreateTime>1767225600</CreateTime>";

fn parse(info_type: &str, fields: &str) -> Callback {
    parse_callback(&format!("<xml>{HEAD}<InfoType>{info_type}</InfoType>{fields}</xml>")).unwrap()
}

#[track_caller]
fn assert_other(info_type: &str, fields: &str) {
    let info = parse(info_type, fields).info;
    assert_eq!(info, Info::Other { info_type: info_type.to_owned() });
    assert_eq!(info.info_type(), info_type);
}

const ALL_TYPES: [&str; 14] = [
    "component_verify_ticket",
    "authorized",
    "updateauthorized",
    "unauthorized",
    "notify_third_fasteregister",
    "notify_third_fastregisterbetaapp",
    "notify_third_fastverifybetaapp",
    "notify_icpfiling_verify_result",
    "notify_apply_icpfiling_result",
    "notify_3rd_wxa_auth",
    "notify_3rd_wxa_wxverify",
    "notify_3rd_wxa_auth_and_icp",
    "order_path_apply_result_notify",
    "order_path_audit_result_notify",
];

#[test]
fn a_known_info_type_without_its_fields_is_kept_as_other() {
    for info_type in ALL_TYPES {
        assert_other(info_type, "<extra>kept</extra>");
        assert_eq!(parse(info_type, "<extra>kept</extra>").document.get("extra"), Some("kept"));
    }
}

#[test]
fn a_required_field_that_is_empty_or_unreadable_makes_other() {
    assert_other("component_verify_ticket", "<ComponentVerifyTicket> </ComponentVerifyTicket>");
    assert_other("unauthorized", "<AuthorizerAppid>not an appid</AuthorizerAppid>");
    assert_other("authorized", "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid><AuthorizationCode/>");
    assert_other("notify_third_fasteregister", "<status>ok</status>");
    assert_other("notify_3rd_wxa_wxverify", "<appid>wxa0b1c2d3e4f50617</appid><expired>never</expired>");
}

#[test]
fn an_unreadable_optional_field_does_not_cost_the_grant() {
    let fields = "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>\
        <AuthorizationCodeExpiredTime>soon</AuthorizationCodeExpiredTime><PreAuthCode></PreAuthCode>";
    let Info::Authorized(grant) = parse("authorized", fields).info else { panic!("not a grant") };
    assert_eq!((grant.code_expires_at, grant.pre_auth_code), (None, None));
}

#[test]
fn line_breaks_around_values_do_not_matter() {
    let fields = "\n<AuthorizerAppid>\n  <![CDATA[\nwxa0b1c2d3e4f50617\n]]>\n</AuthorizerAppid>";
    let authorizer = AuthorizerId::parse("wxa0b1c2d3e4f50617").unwrap();
    assert_eq!(parse("\nunauthorized\n", fields).info, Info::Unauthorized { authorizer });
}

#[test]
fn the_component_and_an_account_are_told_apart_by_case() {
    let callback = parse("notify_3rd_wxa_wxverify", "<appid>wxa0b1c2d3e4f50617</appid><expired>1</expired>");
    assert_eq!(callback.app_id, "wx1f2e3d4c5b6a7988");
    assert_eq!(named(&callback), ["wxa0b1c2d3e4f50617"]);
}

fn named(callback: &Callback) -> Vec<String> {
    callback.authorizers().iter().map(ToString::to_string).collect()
}

#[test]
fn every_account_of_a_notice_is_named_whatever_is_understood() {
    let item = |id: &str| format!("<list><appid> {id} </appid><ret_code>0</ret_code></list>");
    let batch = ["wxa2", "wxa0b1", "wxa2", "no appid", "wx1f2e3d4c5b6a7988"].map(item).concat();
    for info_type in ["order_path_apply_result_notify", "of_tomorrow"] {
        assert_eq!(named(&parse(info_type, &batch)), ["wxa0b1", "wxa2"], "{info_type}");
    }
    assert_eq!(
        named(&parse("of_tomorrow", "<info><authorizer_appid>wxa1</authorizer_appid></info>")),
        ["wxa1"]
    );
    assert!(
        named(&parse("component_verify_ticket", "<ComponentVerifyTicket>t</ComponentVerifyTicket>"))
            .is_empty()
    );
}

#[test]
fn a_failed_registration_without_details_is_understood() {
    let Info::FastRegister(result) = parse("notify_third_fasteregister", "<status>-1</status>").info else {
        panic!("not a registration")
    };
    assert!(!result.succeeded());
    assert_eq!((result.app_id, result.code, result.details), (None, None, RegistrationDetails::default()));
}

#[test]
fn each_account_of_a_batch_keeps_its_own_fields() {
    let item = |id: u64, audit: &str| {
        format!("<list><appid>wxa0b1c2d3e4f5061{id}</appid>{audit}<ret_code>{id}</ret_code></list>")
    };
    let fields = item(1, "") + &item(2, "<audit_id>1002</audit_id>");
    let Info::OrderPathApply(results) = parse("order_path_apply_result_notify", &fields).info else {
        panic!("not a batch")
    };
    let audits: Vec<_> = results.items.iter().map(|i| (i.ret_code, i.audit_id.as_deref())).collect();
    assert_eq!(audits, [(1, None), (2, Some("1002"))]);
    assert_other("order_path_apply_result_notify", &(fields + "<list><appid>wxa0b1</appid></list>"));
}

#[test]
fn what_every_callback_has_is_required() {
    use MalformedMessage::{BadTime, Missing, Xml};
    let all = format!("<xml>{HEAD}<InfoType>x</InfoType></xml>");
    assert!(parse_callback(&all).is_ok());
    let cases = [
        ("<AppId>wx1f2e3d4c5b6a7988</AppId>", "", Missing("AppId")),
        ("<CreateTime>1767225600</CreateTime>", "", Missing("CreateTime")),
        ("1767225600", "1e9", BadTime("CreateTime")),
        ("<InfoType>x", "<InfoType>", Missing("InfoType")),
        ("</xml>", "", Xml(XmlError::Truncated)),
    ];
    for (from, to, expected) in cases {
        assert_eq!(parse_callback(&all.replace(from, to)), Err(expected));
    }
}

#[test]
fn debug_never_shows_a_secret() {
    let callback =
        parse("component_verify_ticket", "<ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket>");
    assert!(!format!("{callback:?} {:?}", callback.info).contains("@@@"));
}
