mod dirty;
mod spoiled;

use std::{collections::HashSet, fmt::Debug};

use mandate_schema::{AccountKind, AuthorizerId, ComponentId, CreateTime, Secret};
use serde_json::{Value, json};

use super::*;

fn read<T: Reply>(body: &Value) -> Result<T, ReplyError> {
    raw(body.to_string())
}

fn raw<T: Reply>(body: impl AsRef<[u8]>) -> Result<T, ReplyError> {
    decode(body.as_ref()).reply
}

fn component() -> ComponentId {
    ComponentId::parse("wx1f2e3d4c5b6a7988").unwrap()
}

fn merchant() -> AuthorizerId {
    AuthorizerId::parse("wxa0b1c2d3e4f50617").unwrap()
}

#[track_caller]
fn assert_encodes(request: &impl Request, expected: &Value) {
    let body: Value = serde_json::from_str(encode(request).expose()).unwrap();
    assert_eq!(&body, expected);
}

#[test]
fn each_api_has_its_own_path_and_name() {
    let names: HashSet<_> = Api::ALL.into_iter().map(Api::name).collect();
    assert_eq!(names.len(), Api::ALL.len());
    for api in Api::ALL.into_iter().filter(|api| *api != Api::CustomSend) {
        assert_eq!(api.path(), format!("/cgi-bin/component/{}", api.name()));
        assert!(api.name().starts_with("api_"), "{}", api.name());
    }
    let (path, name) = (Api::CustomSend.path(), Api::CustomSend.name());
    assert_eq!((path, name), ("/cgi-bin/message/custom/send", "message/custom/send"));
}

#[test]
fn requests_carry_the_names_that_wechat_wants() {
    let (component, merchant) = (component(), merchant());
    let secret = Secret::new("s@@@密");
    let (c, a, s) = (component.as_str(), merchant.as_str(), secret.expose());
    assert_encodes(
        &ComponentTokenRequest {
            component_appid: &component,
            component_appsecret: &secret,
            component_verify_ticket: &secret,
        },
        &json!({"component_appid": c, "component_appsecret": s, "component_verify_ticket": s}),
    );
    assert_encodes(&PreauthCodeRequest { component_appid: &component }, &json!({"component_appid": c}));
    assert_encodes(
        &QueryAuthRequest { component_appid: &component, authorization_code: &secret },
        &json!({"component_appid": c, "authorization_code": s}),
    );
    assert_encodes(
        &CustomTextRequest { component_appid: &component, to_user: "oXyz", content: &secret },
        &json!({"touser": "oXyz", "msgtype": "text", "text": {"content": s}}),
    );
    assert_encodes(
        &AuthorizerTokenRequest {
            component_appid: &component,
            authorizer_appid: &merchant,
            authorizer_refresh_token: &secret,
        },
        &json!({"component_appid": c, "authorizer_appid": a, "authorizer_refresh_token": s}),
    );
    assert_encodes(
        &AuthorizerInfoRequest { component_appid: &component, authorizer_appid: &merchant },
        &json!({"component_appid": c, "authorizer_appid": a}),
    );
    assert_encodes(
        &AuthorizerListRequest { component_appid: &component, offset: 0, count: 100 },
        &json!({"component_appid": c, "offset": 0, "count": 100}),
    );
    assert_encodes(
        &StartPushTicketRequest { component_appid: &component, component_secret: &secret },
        &json!({"component_appid": c, "component_secret": s}),
    );
}

#[test]
fn a_request_goes_out_as_utf8_and_shows_no_secret() {
    let (component, secret) = (component(), Secret::new("密"));
    let request = QueryAuthRequest { component_appid: &component, authorization_code: &secret };
    assert!(encode(&request).expose().contains('密'));
    assert!(!format!("{request:?}").contains('密'));
}

#[test]
fn success_comes_with_or_without_errcode_and_numbers_as_text() {
    let expected = ComponentTokenReply { component_access_token: Secret::new("83_aB3"), expires_in: 7200 };
    for body in [
        json!({"component_access_token": "83_aB3", "expires_in": 7200}),
        json!({"component_access_token": "83_aB3", "expires_in": "7200", "errcode": 0, "errmsg": "ok"}),
        json!({"component_access_token": " 83_aB3\n", "expires_in": " 7200 ", "errcode": "0", "new": [{}]}),
    ] {
        assert_eq!(read::<ComponentTokenReply>(&body).as_ref(), Ok(&expected), "{body}");
    }
}

#[test]
fn a_refusal_is_told_by_its_number_alone() {
    for errcode in [json!(61009), json!("61009")] {
        let body =
            json!({"errcode": errcode, "errmsg": "ok rid: 61725984-6126f6f9-040f19c4", "expires_in": 1});
        let Err(ReplyError::Refused(refusal)) = read::<QueryAuthReply>(&body) else { panic!("{body}") };
        assert_eq!((refusal.errcode, refusal.errmsg.as_str()), (61009, "ok"));
        assert_eq!(refusal.rid.as_deref(), Some("61725984-6126f6f9-040f19c4"));
        assert_eq!(refusal.to_string(), "WeChat refused: 61009 ok (rid 61725984-6126f6f9-040f19c4)");
    }
    assert!(matches!(read::<StartPushTicketReply>(&json!({"errcode": -1})), Err(ReplyError::Refused(_))));
}

#[test]
fn an_errcode_that_is_no_number_is_not_taken_for_success() {
    for errcode in [json!("x"), json!([]), json!(1.5), json!("")] {
        let outcome = read::<StartPushTicketReply>(&json!({ "errcode": errcode }));
        assert_eq!(outcome, Err(ReplyError::MissingField("errcode")), "{errcode}");
    }
    for errcode in [json!(null), json!(0.0), json!("0.0"), json!(" 0 ")] {
        let outcome = read::<StartPushTicketReply>(&json!({ "errcode": errcode }));
        assert_eq!(outcome, Ok(StartPushTicketReply), "{errcode}");
    }
}

#[track_caller]
fn assert_missing<T: Reply + Debug>(body: &Value, name: &'static str) {
    assert_eq!(read::<T>(body).map(|_| ()), Err(ReplyError::MissingField(name)), "{body}");
}

#[test]
fn a_missing_or_unreadable_field_is_named_and_never_quoted() {
    let body = json!({"component_access_token": "", "expires_in": 7200});
    assert_missing::<ComponentTokenReply>(&body, "component_access_token");
    let body = json!({"pre_auth_code": ["preauthcode@@@x"], "expires_in": 1800});
    assert_missing::<PreauthCodeReply>(&body, "pre_auth_code");
    assert!(!format!("{:?}", read::<PreauthCodeReply>(&body)).contains("@@@"));
    assert_missing::<QueryAuthReply>(&json!({}), "authorization_info");
    assert_missing::<AuthorizerTokenReply>(&json!({"expires_in": 7200}), "authorizer_access_token");
}

#[test]
fn a_redeemed_code_yields_tokens_and_sorted_permissions() {
    let body = json!({"authorization_info": {
    "authorizer_appid": "wxa0b1c2d3e4f50617",
    "authorizer_access_token": "aat", "expires_in": 7200, "authorizer_refresh_token": "refreshtoken@@@x",
    "func_info": [
        {"funcscope_category": {"id": 17, "type": 0, "name": "…", "desc": "…"}, "confirm_info": {"need_confirm": 0}},
        {"funcscope_category": {"id": "1"}}, {"funcscope_category": {"id": 17}},
        {"funcscope_category": {}}, {}, "?"
    ]}});
    let info = read::<QueryAuthReply>(&body).unwrap().authorization_info;
    assert_eq!(info.authorizer_appid, Some(merchant()));
    assert_eq!(info.access_token, Some(Secret::new("aat")));
    assert_eq!(info.expires_in, Some(7200));
    assert_eq!(info.refresh_token, Some(Secret::new("refreshtoken@@@x")));
    assert_eq!(info.permissions, Some(vec![1, 17]));
}

#[test]
fn an_account_without_api_permission_has_no_tokens() {
    let body = json!({"authorization_info": {
        "appid": "wxa0b1c2d3e4f50617", "authorizer_refresh_token": "", "func_info": []}});
    let info = read::<QueryAuthReply>(&body).unwrap().authorization_info;
    assert_eq!(info.authorizer_appid, Some(merchant()));
    assert_eq!((info.access_token, info.expires_in, info.refresh_token), (None, None, None));
    assert_eq!(info.permissions, Some(Vec::new()));
    for info in [json!(null), json!([]), json!("x"), json!(1)] {
        let body = json!({ "authorization_info": info });
        assert_missing::<QueryAuthReply>(&body, "authorization_info");
    }
    let silent = read::<QueryAuthReply>(&json!({"authorization_info": {}})).unwrap();
    assert_eq!(silent.authorization_info.permissions, None);
}

#[test]
fn an_empty_refresh_token_never_replaces_a_real_one() {
    let body = json!({"authorizer_access_token": "aat", "expires_in": 7200, "authorizer_refresh_token": ""});
    assert_eq!(read::<AuthorizerTokenReply>(&body).unwrap().refresh_token, None);
}

#[test]
fn a_profile_is_read_with_its_kind() {
    let body = |blocks: Value| {
        let mut info = json!({
            "nick_name": "示例", "head_img": "http://wx.qlogo.cn/0", "service_type_info": {"id": 2},
            "verify_type_info": {"id": -1}, "user_name": "gh_0a1b2c3d4e5f", "alias": "", "qrcode_url": null,
            "principal_name": "示例企业", "signature": "a]]>b 😀", "idc": 1, "account_status": "1",
            "register_type": 0, "basic_config": {"is_phone_configured": true}});
        info.as_object_mut().unwrap().extend(blocks.as_object().unwrap().clone());
        json!({"authorizer_info": info, "authorization_info": {"authorizer_appid": "wxa0b1c2d3e4f50617"}})
    };
    let kind = |blocks| read::<AuthorizerInfoReply>(&body(blocks)).unwrap().profile.unwrap().kind;
    assert_eq!(kind(json!({})), AccountKind::OfficialAccount);
    assert_eq!(kind(json!({"MiniProgramInfo": null})), AccountKind::OfficialAccount);
    assert_eq!(kind(json!({"MiniProgramInfo": {"network": {}}})), AccountKind::MiniProgram);
    assert_eq!(kind(json!({"channels_info": {}})), AccountKind::Channels);
    assert_eq!(kind(json!({"store_info": {}})), AccountKind::Store);
    assert_eq!(kind(json!({"talent_info": {}})), AccountKind::Talent);
    assert_eq!(kind(json!({"supplier_info": {}})), AccountKind::Supplier);

    let profile = read::<AuthorizerInfoReply>(&body(json!({}))).unwrap().profile.unwrap();
    assert_eq!(profile.nick_name.as_deref(), Some("示例"));
    assert_eq!(profile.signature.as_deref(), Some("a]]>b 😀"));
    assert_eq!((profile.alias, profile.qrcode_url), (None, None));
    let numbers = (profile.service_type, profile.verify_type, profile.account_status, profile.register_type);
    assert_eq!(numbers, (Some(2), Some(-1), Some(1), Some(0)));
}

#[test]
fn profile_and_authorization_need_not_be_both_there() {
    let reply = read::<AuthorizerInfoReply>(&json!({"authorization_info": {}})).unwrap();
    assert_eq!(reply.profile, None);
    let profile = json!({"nick_name": "n"});
    for body in [
        json!({"authorizer_info": profile}),
        json!({"authorizer_info": profile, "authorization_info": null}),
        json!({"authorizer_info": profile, "authorization_info": []}),
    ] {
        let reply = read::<AuthorizerInfoReply>(&body).unwrap();
        assert_eq!(reply.profile.unwrap().nick_name.as_deref(), Some("n"));
        assert_eq!(reply.authorization_info, AuthorizationInfo::default());
    }
}

#[test]
fn a_page_of_the_list_tells_what_it_could_not_read() {
    let body = json!({"total_count": "4", "list": [
        {"authorizer_appid": "wxa0b1c2d3e4f50617", "refresh_token": "refreshtoken@@@x", "auth_time": 1_767_225_600},
        {"authorizer_appid": "wxb1b2b3b4b5b6b7b8", "refresh_token": ""},
        {"authorizer_appid": "?", "refresh_token": "x"}, {}, null, "wxc1c2c3c4c5c6c7c8", [],
        ["wxc1c2c3c4c5c6c7c8", "x", 1], {"authorizer_appid": "wxc1c2\u{fffd}c5c6c7c8"}]});
    let reply = page(&body, 0).unwrap();
    assert_eq!((reply.total_count, reply.list.len(), reply.unreadable), (Some(4), 2, 7));
    assert_eq!(reply.list[0].auth_time, Some(CreateTime(1_767_225_600)));
    assert_eq!(reply.list[0].refresh_token, Some(Secret::new("refreshtoken@@@x")));
    assert_eq!((&reply.list[1].refresh_token, reply.list[1].auth_time), (&None, None));
}

fn page(body: &Value, offset: u64) -> Result<AuthorizerListReply, ReplyError> {
    read::<AuthorizerListAnswer>(body)?.page(offset)
}

#[test]
fn a_list_that_is_missing_is_empty_at_the_end_of_what_is_counted_and_nowhere_else() {
    for (total, offset) in [(0, 0), (0, 500), (1, 1), (500, 500), (3, 500)] {
        for body in [
            json!({ "total_count": total }),
            json!({"total_count": total.to_string(), "list": null}),
            json!({"errcode": 0, "total_count": total, "list": []}),
        ] {
            let page = page(&body, offset).unwrap();
            assert_eq!((page.total_count, page.is_empty()), (Some(total), true), "{body} at {offset}");
        }
    }
    let missing = Err(ReplyError::MissingField("list"));
    for (body, offset) in [
        (json!({"total_count": 1}), 0),
        (json!({"total_count": 1, "list": null}), 0),
        (json!({"total_count": 501, "list": null}), 500),
        (json!({}), 0),
        (json!({"list": null}), 500),
        (json!({"total_count": "many"}), 500),
        (json!({"total_count": 0, "list": {}}), 0),
        (json!({"total_count": 1, "list": "x"}), 500),
    ] {
        assert_eq!(page(&body, offset), missing, "{body} at {offset}");
    }
}

#[test]
fn a_list_is_read_also_without_a_count() {
    for total in [json!(null), json!("many"), json!(-1), json!([])] {
        let body = json!({"total_count": total, "list": [{"authorizer_appid": "wxa0b1c2d3e4f50617"}]});
        let reply = page(&body, 0).unwrap();
        assert_eq!((reply.total_count, reply.list.len()), (None, 1), "{total}");
    }
    let damaged = raw::<AuthorizerListAnswer>(
        b"{\"total_count\":1,\"list\":[{\"authorizer_appid\":\"wxa0b1c2d3e4f50617\",\"refresh_token\":\"x\xff\"}]}",
    );
    let listed = &damaged.unwrap().page(0).unwrap().list[0];
    assert_eq!((&listed.refresh_token, listed.refresh_token_is_damaged), (&None, true));
}
