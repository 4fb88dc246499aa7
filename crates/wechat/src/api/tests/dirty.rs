//! Answers that are not as JSON or the documentation wants them.

use Repair::{BrokenUtf8, ByteOrderMark, ControlCharacter, LoneSurrogate};

use super::*;

#[test]
fn only_what_begins_as_an_object_is_an_answer() {
    for body in ["", "<html>502</html>", "[]", "null", "\"secret\"", "\u{0}"] {
        assert_eq!(raw::<StartPushTicketReply>(body), Err(ReplyError::NotJson), "{body}");
    }
    assert_eq!(raw::<StartPushTicketReply>(b"\xff{}"), Err(ReplyError::NotJson));
    for body in ["{\"errcode\":0", "{} {}", "{\"errcode\":0,}", "\u{feff}{"] {
        assert_eq!(raw::<StartPushTicketReply>(body), Err(ReplyError::Unreadable), "{body}");
    }
    for body in
        [&b" \n{}"[..], b"\xef\xbb\xbf{}", b"{\"errcode\":0,\"errcode\":0}", b"{\"errmsg\":\"\xe4\xbd\"}"]
    {
        assert_eq!(raw::<StartPushTicketReply>(body), Ok(StartPushTicketReply), "{body:?}");
    }
}

#[test]
fn a_dirty_refusal_is_a_refusal() {
    for body in [
        &b"\xef\xbb\xbf{\"errcode\":61003,\"errmsg\":\"no\"}"[..],
        b"{\"errcode\":\"61003\",\"errmsg\":\"n\x01o\"}",
        b"{\"errmsg\":\"\xe4\xbd\",\"errcode\":61003.0}",
        b"{\"errmsg\":\"\\ud800\",\"errcode\":\" 61003 \"}",
        b"{\"errmsg\":null,\"errcode\":61003}",
    ] {
        let outcome = raw::<AuthorizerInfoReply>(body);
        assert!(
            matches!(&outcome, Err(ReplyError::Refused(refusal)) if refusal.errcode == 61003),
            "{outcome:?}"
        );
        assert_eq!(errcode_of(body), Some(61003));
    }
    assert_eq!(
        (errcode_of(b"{}"), errcode_of(b"<html>"), errcode_of(b"{\"errcode\":[]}")),
        (None, None, None)
    );
}

#[test]
fn a_token_is_as_it_was_sent_or_missing() {
    let body = |token: &str| {
        format!(
            "{{\"authorizer_access_token\":\"aat\",\"expires_in\":7200,\"authorizer_refresh_token\":{token}}}"
        )
    };
    let refresh_token = |token: &[u8]| {
        let bare = body("?").into_bytes();
        let at = bare.iter().position(|byte| *byte == b'?').unwrap();
        raw::<AuthorizerTokenReply>([&bare[..at], token, &bare[at + 1..]].concat()).unwrap().refresh_token
    };
    for (token, expected) in [
        (&b"\"refreshtoken@@@x\""[..], Some("refreshtoken@@@x")),
        (b"\" refreshtoken@@@x\n\"", Some("refreshtoken@@@x")),
        (b"\"\\u0072\"", Some("r")),
        (b"12345678901234567890", Some("12345678901234567890")),
        (b"0012", Some("0012")),
    ] {
        assert_eq!(refresh_token(token), expected.map(Secret::new), "{token:?}");
    }
    for token in [
        &b"\"refresh\x01token\""[..],
        b"\"refresh\xfftoken\"",
        b"\"refresh\\ud800token\"",
        b"\"refresh\\qtoken\"",
        b"\"refresh\\u0000token\"",
        b"\"refresh\ntoken\"",
        b"123456789012345678901234567890",
        b"1.5",
        b"null",
        b"\"\"",
        b"\" \"",
        b"[]",
        b"{}",
        b"true",
        b"undefined",
    ] {
        assert_eq!(refresh_token(token), None, "{token:?}");
    }
}

#[test]
fn a_damaged_refresh_token_is_told_from_none() {
    let info = |token: &str| {
        let body = format!("{{\"authorization_info\":{{\"authorizer_refresh_token\":{token}}}}}");
        raw::<AuthorizerInfoReply>(body).unwrap().authorization_info
    };
    for token in ["\"a\u{1}b\"", "\"a\\ud800\"", "1e30"] {
        let info = info(token);
        assert_eq!((info.refresh_token, info.refresh_token_is_damaged), (None, true), "{token}");
    }
    for token in ["\"\"", "null", "[]"] {
        let info = info(token);
        assert_eq!((info.refresh_token, info.refresh_token_is_damaged), (None, false), "{token}");
    }
}

#[test]
fn a_token_without_a_readable_life_lives_as_documented() {
    for life in [json!(null), json!(""), json!("soon"), json!(-1), json!([])] {
        let body = json!({"component_access_token": "t", "authorizer_access_token": "t", "pre_auth_code": "t", "expires_in": life});
        assert_eq!(read::<ComponentTokenReply>(&body).unwrap().expires_in, 7200, "{life}");
        assert_eq!(read::<AuthorizerTokenReply>(&body).unwrap().expires_in, 7200, "{life}");
        assert_eq!(read::<PreauthCodeReply>(&body).unwrap().expires_in, 600, "{life}");
        let info = read::<QueryAuthReply>(&json!({ "authorization_info": body })).unwrap().authorization_info;
        assert_eq!(info.expires_in, Some(7200), "{life}");
    }
    for life in [json!("1800"), json!(1800.0), json!(" 1800.0 "), json!("1.8e3")] {
        let body = json!({"component_access_token": "t", "expires_in": life});
        assert_eq!(read::<ComponentTokenReply>(&body).unwrap().expires_in, 1800, "{life}");
    }
}

#[test]
fn a_dirty_profile_is_read_as_far_as_it_goes() {
    let body = [
        &b"\xef\xbb\xbf{\"authorizer_info\":{\"nick_name\":\"a\x00b\\u0007\xe4\xbd\",\"signature\":\"\\ud83d!\\n\","[..],
        b"\"user_name\":\"gh_\x01\",\"alias\":7,\"principal_name\":null,\"service_type_info\":{\"id\":\"2\"},",
        b"\"verify_type_info\":[],\"account_status\":\"1\",\"MiniProgramInfo\":{\"categories\":[{\"first\":\"\xff\"}]}},",
        b"\"authorization_info\":{\"authorizer_appid\":\"wxa0b1c2d3e4f50617\",\"authorizer_refresh_token\":\"refreshtoken@@@x\",",
        b"\"func_info\":[{\"funcscope_category\":{\"id\":\"17\",\"name\":\"\xe6\x9d\"}},null,7]}}\0",
    ]
    .concat();
    let decoded = decode::<AuthorizerInfoReply>(&body);
    assert_eq!(decoded.repairs, [ByteOrderMark, BrokenUtf8, ControlCharacter, LoneSurrogate].into());
    let reply = decoded.reply.unwrap();
    let profile = reply.profile.unwrap();
    assert_eq!(profile.kind, AccountKind::MiniProgram);
    assert_eq!(profile.nick_name.as_deref(), Some("a\u{fffd}b\u{fffd}\u{fffd}"));
    assert_eq!(profile.signature.as_deref(), Some("\u{fffd}!\n"));
    assert_eq!(profile.user_name, None, "an id is never altered");
    assert_eq!((profile.alias.as_deref(), profile.principal_name), (Some("7"), None));
    assert_eq!((profile.service_type, profile.verify_type, profile.account_status), (Some(2), None, Some(1)));
    let info = reply.authorization_info;
    assert_eq!(info.authorizer_appid, Some(merchant()));
    assert_eq!(info.refresh_token, Some(Secret::new("refreshtoken@@@x")));
    assert_eq!(info.permissions, Some(vec![17]));
}
