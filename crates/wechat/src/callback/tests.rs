use super::*;
use crate::{form::Form, text::REPLACED_CHARACTERS, tree::TreeError};

const SIGNED_AT: CreateTime = CreateTime(1_767_225_605);

const HEAD: &str = "<AppId>wx1f2e3d4c5b6a7988</AppId><CreateTime>1767225600</CreateTime>";

fn parse(info_type: &str, fields: &str) -> Callback {
    read(format!("<xml>{HEAD}<InfoType>{info_type}</InfoType>{fields}</xml>"))
}

#[track_caller]
fn read(text: impl AsRef<[u8]>) -> Callback {
    parse_callback(&text, SIGNED_AT).unwrap()
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
    assert_other("authorized", "<AuthorizationCode>c</AuthorizationCode>");
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
    assert_eq!(callback.app_id.as_deref(), Some("wx1f2e3d4c5b6a7988"));
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
fn a_grant_without_a_code_is_a_grant() {
    let authorizer = "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid>";
    // Absent, empty, or not the one that WeChat gave.
    for code in [
        "",
        "<AuthorizationCode/>",
        "<AuthorizationCode> \n</AuthorizationCode>",
        "<AuthorizationCode>que\0ry</AuthorizationCode>",
    ] {
        for (info_type, is_update) in [("authorized", false), ("updateauthorized", true)] {
            let grant = match parse(info_type, &format!("{authorizer}{code}")).info {
                Info::Authorized(grant) if !is_update => grant,
                Info::UpdateAuthorized(grant) if is_update => grant,
                other => panic!("{info_type} {code:?}: {other:?}"),
            };
            assert_eq!((grant.authorizer.as_str(), grant.code), ("wxa0b1c2d3e4f50617", None), "{code:?}");
        }
    }
}

#[test]
fn a_time_is_divided_or_left_out_and_costs_nothing_else() {
    let with = |time: &str| {
        let xml = format!(
            "<xml><AppId>wx1f2e3d4c5b6a7988</AppId>{time}<InfoType>unauthorized</InfoType>\
            <AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid></xml>"
        );
        let callback = read(xml);
        assert_eq!(callback.info_type(), "unauthorized");
        (callback.create_time.map(|time| time.0), callback.time().0)
    };
    let seconds = (Some(1_767_225_600), 1_767_225_600);
    for time in [
        "1767225600",
        "1767225600000",
        "1767225600999",
        " \n1767225600\t",
        "<![CDATA[1767225600123]]>",
        "1767225600\0",
    ] {
        assert_eq!(with(&format!("<CreateTime>{time}</CreateTime>")), seconds, "{time:?}");
    }
    let unclear = (None, SIGNED_AT.0);
    assert_eq!(with(""), unclear);
    for time in
        ["", " ", "0", "-1", "1e9", "soon", "1767225600.5", "2026-01-01", "999999999999999999999", "<a>1</a>"]
    {
        assert_eq!(with(&format!("<CreateTime>{time}</CreateTime>")), unclear, "{time:?}");
    }
}

#[test]
fn what_is_not_there_is_left_out_and_the_rest_is_read() {
    let callback = read("<xml><b>kept</b></xml>");
    assert_eq!((callback.app_id.as_deref(), callback.info_type()), (None, ""));
    assert_eq!(callback.document.get("b"), Some("kept"));
    let callback = read(format!("<xml>{HEAD}<InfoType> </InfoType><appid>wxa0b1</appid></xml>"));
    assert_eq!((callback.info_type(), named(&callback)), ("", vec!["wxa0b1".to_owned()]));
}

#[test]
fn spoiled_characters_cost_only_the_text_that_they_stand_in() {
    let fields = "<AuthorizerAppid>wxa0b1c2d3e4f50617\0</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>\
        <Remark>a\0\x08b</Remark>";
    let callback = parse("authorized", fields);
    let Info::Authorized(grant) = &callback.info else { panic!("not a grant") };
    assert_eq!(grant.code, Some(Secret::new("c")));
    assert_eq!(callback.document.get("Remark"), Some("a\u{fffd}\u{fffd}b"));
    assert_eq!(callback.document.get(REPLACED_CHARACTERS), Some("3"));
    let spoiled = [
        b"<xml><InfoType>unauthorized</InfoType><Remark>\xff\xfe".as_slice(),
        b"</Remark><AuthorizerAppid>wxa0b1</AuthorizerAppid></xml>\0",
    ]
    .concat();
    let authorizer = AuthorizerId::parse("wxa0b1").unwrap();
    assert_eq!(read(spoiled).info, Info::Unauthorized { authorizer });
    assert_other("component_verify_ticket", "<ComponentVerifyTicket>ticket@@\x01@x</ComponentVerifyTicket>");
}

/// A character of it was replaced: a control character, the NUL of another program, or half a character.
const DAMAGES: [&str; 6] = ["\0*", "*\0", "\u{fffd}*", "*\u{fffd}\n", "\x01 *", "*\u{ffff}\u{ffff}"];

#[test]
fn a_ticket_or_code_with_a_replaced_character_is_not_usable() {
    let authorizer = "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid>";
    for damage in DAMAGES.into_iter().chain(["q\0*"]) {
        let with = |value: &str| damage.replace('*', value);
        let ticket = format!("<ComponentVerifyTicket>{}</ComponentVerifyTicket>", with("ticket@@@x"));
        assert_other("component_verify_ticket", &ticket);
        let codes = format!(
            "{authorizer}<AuthorizationCode>{}</AuthorizationCode><PreAuthCode><![CDATA[{}]]></PreAuthCode>",
            with("queryauthcode@@@x"),
            with("preauthcode@@@x")
        );
        let Info::Authorized(grant) = parse("authorized", &codes).info else { panic!("not a grant") };
        assert_eq!((grant.code, grant.pre_auth_code), (None, None), "{damage:?}");
        let registered = format!("<status>0</status><auth_code>{}</auth_code>", with("queryauthcode@@@x"));
        let Info::FastRegister(result) = parse("notify_third_fasteregister", &registered).info else {
            panic!("not a registration")
        };
        assert_eq!(result.code, None, "{damage:?}");
    }
    let whole = "<ComponentVerifyTicket>\n ticket@@@x\t</ComponentVerifyTicket>";
    let ticket = Info::Ticket { ticket: Secret::new("ticket@@@x") };
    assert_eq!(parse("component_verify_ticket", whole).info, ticket);
}

#[test]
fn a_damaged_appid_is_one_only_if_nothing_of_it_is_missing() {
    let fields = |id: &str| format!("<AuthorizerAppid>{id}</AuthorizerAppid>");
    for damage in DAMAGES {
        let whole = damage.replace('*', "wxa0b1c2d3e4f50617");
        let callback = parse("unauthorized", &fields(&whole));
        let authorizer = AuthorizerId::parse("wxa0b1c2d3e4f50617").unwrap();
        assert_eq!(callback.info, Info::Unauthorized { authorizer }, "{damage:?}");
        assert_eq!(named(&callback), ["wxa0b1c2d3e4f50617"], "{damage:?}");
        for part in
            ["wxa0b1c2d3e4f5061", "xa0b1c2d3e4f50617", "wxa0b1", "xxa0b1c2d3e4f50617", "wxa0b1c2d3e4f506170"]
        {
            let damaged = fields(&damage.replace('*', part));
            for info_type in ["authorized", "updateauthorized", "unauthorized"] {
                assert_other(info_type, &damaged);
                assert_eq!(named(&parse(info_type, &damaged)), [""; 0], "{damage:?} {part}");
            }
            let list =
                format!("<list><appid>{}</appid><ret_code>0</ret_code></list>", damage.replace('*', part));
            assert_other("order_path_apply_result_notify", &list);
        }
    }
    assert_other("unauthorized", &fields("wxa0b1c2\0d3e4f50617"));
    let json = "{\"InfoType\":\"unauthorized\",\"AuthorizerAppid\":\"wxa0b1c2d3e4f5061\\ud83d\"}";
    assert_eq!(read(json).info, Info::Other { info_type: "unauthorized".to_owned() });
}

#[test]
fn a_damaged_time_is_one_only_if_nothing_of_it_is_missing() {
    let time = |text: String| {
        let callback = read(format!("<xml><CreateTime>{text}</CreateTime><InfoType>x</InfoType></xml>"));
        callback.create_time.map(|time| time.0)
    };
    for damage in DAMAGES {
        for whole in ["1767225600", "1767225600123"] {
            assert_eq!(time(damage.replace('*', whole)), Some(1_767_225_600), "{damage:?} {whole}");
        }
        for part in ["176722560", "767225600", "17672256001", "176722560012", "1", "17672256001234"] {
            assert_eq!(time(damage.replace('*', part)), None, "{damage:?} {part}");
        }
    }
    assert_eq!(time("17672\x0025600".to_owned()), None);
    let expiry = |text: &str| {
        let fields = format!(
            "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid>\
            <AuthorizationCodeExpiredTime>{text}</AuthorizationCodeExpiredTime>"
        );
        let Info::Authorized(grant) = parse("authorized", &fields).info else { panic!("not a grant") };
        grant.code_expires_at.map(Timestamp::as_second)
    };
    assert_eq!((expiry("1767229200\0"), expiry("176722920\0")), (Some(1_767_229_200), None));
}

#[test]
fn a_damaged_id_of_the_component_or_of_a_task_is_not_another_one() {
    for (text, expected) in [
        ("wx1f2e3d4c5b6a7988\0", Some("wx1f2e3d4c5b6a7988")),
        ("\x01wx1f2e3d4c5b6a7988\n", Some("wx1f2e3d4c5b6a7988")),
        ("wx1f2e3d4c5b6a798\u{fffd}", None),
        ("wx1f2e\x013d4c5b6a7988", None),
        ("wx1f2e\x013d4c5b6a7", None), // as many bytes as one
        ("\0", None),
    ] {
        let callback = read(format!("<xml><AppId>{text}</AppId><InfoType>x</InfoType></xml>"));
        assert_eq!(callback.app_id.as_deref(), expected, "{text:?}");
    }
    let item = |audit: &str| {
        let list = format!(
            "<list><appid>wxa0b1c2d3e4f50617</appid><audit_id>{audit}</audit_id><ret_code>0</ret_code></list>"
        );
        let Info::OrderPathApply(results) = parse("order_path_apply_result_notify", &list).info else {
            panic!("not a batch")
        };
        results.items[0].audit_id.clone()
    };
    assert_eq!((item("1002").as_deref(), item("100\0"), item("\x01002")), (Some("1002"), None, None));
    let filed = "<verify_appid>wxa0b1c2d3e4f50617</verify_appid><result>3</result>";
    assert_other("notify_icpfiling_verify_result", &format!("{filed}<task_id>12\0</task_id>"));
}

#[test]
fn a_json_callback_is_like_its_xml() {
    let json = r#"{"AppId":"wx1f2e3d4c5b6a7988","CreateTime":1767225600,"InfoType":"authorized",
        "AuthorizerAppid":"wxa0b1c2d3e4f50617","AuthorizationCode":"c","AuthorizationCodeExpiredTime":1767229200}"#;
    let xml = "<AuthorizerAppid>wxa0b1c2d3e4f50617</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>\
        <AuthorizationCodeExpiredTime>1767229200</AuthorizationCodeExpiredTime>";
    assert_eq!(read(json), parse("authorized", xml));
    let batch = r#"{"InfoType":"order_path_apply_result_notify","list":[{"appid":"wxa1","ret_code":0},{"appid":"wxa2","ret_code":-1}]}"#;
    assert_eq!(named(&read(batch)), ["wxa1", "wxa2"]);
}

#[test]
fn what_cannot_be_read_says_why_and_never_what() {
    use TreeError::{Doctype, NotWellFormed, TooDeep, TooManyElements, Truncated, UnknownEntity};
    let deep = "<a>".repeat(40) + "secret" + &"</a>".repeat(40);
    let wide = format!("<xml>{}</xml>", "<a>secret</a>".repeat(2000));
    for (text, form, error) in [
        ("", Form::Xml, Truncated),
        ("secret", Form::Xml, NotWellFormed),
        ("<xml><a>secret</a>", Form::Xml, Truncated),
        ("<xml><a>secret</b></xml>", Form::Xml, NotWellFormed),
        ("<xml>secret & more</xml>", Form::Xml, NotWellFormed),
        ("<!DOCTYPE x [<!ENTITY e 'secret'>]><xml>&e;</xml>", Form::Xml, Doctype),
        ("<xml>&secret;</xml>", Form::Xml, UnknownEntity),
        (&deep, Form::Xml, TooDeep),
        (&wide, Form::Xml, TooManyElements),
        ("{\"secret\":", Form::Json, Truncated),
        ("{secret}", Form::Json, NotWellFormed),
    ] {
        let unreadable = parse_callback(text, SIGNED_AT).unwrap_err();
        assert_eq!(unreadable, Unreadable { form, error }, "{text:.40}");
        assert!(!unreadable.to_string().contains("secret"));
    }
}

#[test]
fn debug_never_shows_a_secret() {
    let callback =
        parse("component_verify_ticket", "<ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket>");
    assert!(!format!("{callback:?} {:?}", callback.info).contains("@@@"));
}
