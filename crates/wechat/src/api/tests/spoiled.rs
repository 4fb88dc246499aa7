//! Bytes spoiled inside of texts cost no credentials.

use std::ops::Range;

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// Stand around the content of a text that may be spoiled; nothing else in a test has them.
const BEGIN: char = '\u{e000}';
const END: char = '\u{e001}';

/// Texts as `WeChat` may write them.
#[derive(Clone, Debug)]
struct Texts(Vec<String>);

fn texts() -> impl Strategy<Value = Texts> {
    let plain = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let escaped = any::<String>().prop_map(|text| {
        let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("\"{}\"", units.concat())
    });
    let name = prop_oneof![Just("\"示例\""), Just(r#""a\"\\\/\u4f60\ud83d\ude00\n""#), Just("\"\"")];
    let text = prop_oneof![plain, escaped, name.prop_map(str::to_owned)];
    let marked = text.prop_map(|text| {
        let content: String = text[1..text.len() - 1].chars().filter(|c| ![BEGIN, END].contains(c)).collect();
        format!("\"{BEGIN}{content}{END}\"")
    });
    vec(marked, 6).prop_map(Texts)
}

/// Bytes to write over others, each at a place among all that may be spoiled.
fn spoiling() -> impl Strategy<Value = Vec<(Index, u8)>> {
    vec((any::<Index>(), any::<u8>().prop_filter("ends no text", |byte| !b"\"\\".contains(byte))), 1..20)
}

/// A body without its marks, and where its texts are.
fn without_marks(marked: &str) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut body, mut texts, mut begun) = (String::new(), Vec::new(), 0);
    for c in marked.chars() {
        match c {
            BEGIN => begun = body.len(),
            END => texts.push(begun..body.len()),
            c => body.push(c),
        }
    }
    (body.into_bytes(), texts)
}

fn spoil(body: &mut [u8], texts: &[Range<usize>], with: &[(Index, u8)]) {
    let places: Vec<usize> =
        texts.iter().cloned().flatten().filter(|at| !b"\"\\".contains(&body[*at])).collect();
    for (index, byte) in with.iter().filter(|_| !places.is_empty()) {
        body[places[index.index(places.len())]] = *byte;
    }
}

/// Whether a body says the same before and after.
fn says_the_same<T: Reply + PartialEq + Debug, C: PartialEq + Debug>(
    marked: &str,
    with: &[(Index, u8)],
    credentials: impl Fn(T) -> C,
) -> Result<(), TestCaseError> {
    let (mut body, texts) = without_marks(marked);
    let before = raw::<T>(&body).map(&credentials);
    prop_assert!(before.is_ok(), "{marked}");
    spoil(&mut body, &texts, with);
    prop_assert_eq!(raw::<T>(&body).map(&credentials), before, "{}", String::from_utf8_lossy(&body));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_redemption_yields_the_same_credentials(Texts(t) in texts(), with in spoiling()) {
        let body = format!(
            r#"{{"errcode":0,"errmsg":{},"authorization_info":{{"authorizer_appid":"wxa0b1c2d3e4f50617",
            "name":{},"authorizer_access_token":"aat","expires_in":7200,"authorizer_refresh_token":"refreshtoken@@@x",
            "func_info":[{{"funcscope_category":{{"id":1,"type":0,"name":{},"desc":{}}}}},{{"funcscope_category":{{"id":17}}}}]}}}}"#,
            t[0], t[1], t[2], t[3]
        );
        says_the_same::<QueryAuthReply, _>(&body, &with, |reply| reply.authorization_info)?;
    }

    #[test]
    fn a_refresh_yields_the_same_tokens(Texts(t) in texts(), with in spoiling()) {
        let body = format!(
            r#"{{"errmsg":{},"authorizer_access_token":"aat","expires_in":7200,"hint":{},"authorizer_refresh_token":"x@@@y"}}"#,
            t[0], t[1]
        );
        says_the_same::<AuthorizerTokenReply, _>(&body, &with, |reply| reply)?;
    }

    #[test]
    fn an_info_yields_the_same_authorization(Texts(t) in texts(), with in spoiling()) {
        let body = format!(
            r#"{{"authorizer_info":{{"nick_name":{},"user_name":"gh_0a1b2c3d4e5f","principal_name":{},"signature":{},
            "head_img":{},"verify_type_info":{{"id":0}},"MiniProgramInfo":{{"categories":[{{"first":{},"second":{}}}]}}}},
            "authorization_info":{{"authorizer_appid":"wxa0b1c2d3e4f50617","authorizer_refresh_token":"refreshtoken@@@x",
            "func_info":[{{"funcscope_category":{{"id":18}}}}]}}}}"#,
            t[0], t[1], t[2], t[3], t[4], t[5]
        );
        says_the_same::<AuthorizerInfoReply, _>(&body, &with, |reply| {
            let profile = reply.profile.map(|profile| (profile.kind, profile.user_name, profile.verify_type));
            (profile, reply.authorization_info)
        })?;
    }

    #[test]
    fn a_page_of_the_list_names_the_same_accounts(Texts(t) in texts(), with in spoiling()) {
        let body = format!(
            r#"{{"errmsg":{},"total_count":2,"list":[{{"authorizer_appid":"wxa0b1c2d3e4f50617","remark":{},
            "refresh_token":"refreshtoken@@@x","auth_time":1767225600}},{},{{"authorizer_appid":"wxb1b2b3b4b5b6b7b8","note":{}}}]}}"#,
            t[0], t[1], t[2], t[3]
        );
        says_the_same::<AuthorizerListAnswer, _>(&body, &with, |answer| answer.page(0))?;
    }

    #[test]
    fn a_component_token_and_a_pre_auth_code_stay_the_same(Texts(t) in texts(), with in spoiling()) {
        let body = format!(
            r#"{{"errcode":"0","errmsg":{},"component_access_token":"83_aB3","pre_auth_code":"preauthcode@@@x","expires_in":"7200","x":{}}}"#,
            t[0], t[1]
        );
        says_the_same::<ComponentTokenReply, _>(&body, &with, |reply| reply)?;
        says_the_same::<PreauthCodeReply, _>(&body, &with, |reply| reply)?;
    }

    #[test]
    fn a_refusal_keeps_its_number(Texts(t) in texts(), with in spoiling()) {
        let (mut body, places) = without_marks(&format!(r#"{{"errcode":61003,"errmsg":{}}}"#, t[0]));
        spoil(&mut body, &places, &with);
        let outcome = raw::<AuthorizerInfoReply>(&body);
        prop_assert!(matches!(&outcome, Err(ReplyError::Refused(refusal)) if refusal.errcode == 61003), "{:?}", outcome);
    }
}
