//! Pushes that are genuine and dirty inside.

use mandate_schema::{CreateTime, Event, Push};
use mandate_storage::CommandOutcome;
use mandate_wechat::text::REPLACED_CHARACTERS;

use super::given::{COMPONENT, Given, SIGNED_AT, genuine, merchant};

const OTHER: &str = "wx00000000000000bb";

/// A callback with these bytes between the elements that every callback has.
fn callback(info_type: &str, fields: &[u8]) -> Push {
    let head = format!("<xml><AppId>{COMPONENT}</AppId><InfoType>{info_type}</InfoType>");
    genuine(None, &[head.as_bytes(), fields, b"</xml>"].concat())
}

async fn letter(given: &Given) -> (String, String) {
    let mut letters = given.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let letter = letters.pop().unwrap().letter;
    (letter.reason, letter.detail)
}

#[tokio::test]
async fn what_cannot_be_read_is_a_dead_letter_that_says_why_under_the_id_that_ingress_gave() {
    let deep = "<a>".repeat(40) + "secret" + &"</a>".repeat(40);
    let named = format!("<xml><secret{0}/></xml>", "n".repeat(251));
    let wide = format!("<xml>{}</xml>", "<secret/>".repeat(1_000));
    let name = "n".repeat(200);
    let long = format!("<xml><{name}>{}</{name}></xml>", "<secret/>".repeat(900));
    let key = format!(r#"{{"secret{name}{name}":1}}"#);
    let list = format!(r#"{{"secret":[{}0]}}"#, "0,".repeat(1_000));
    let keys = format!(r#"{{"{name}":{{"secret":[{}0]}}}}"#, "0,".repeat(900));
    for (plaintext, reason, detail) in [
        (b"".as_slice(), "malformed_message", "it is not XML: it ends early"),
        (b"secret", "malformed_message", "it is not XML: not well-formed"),
        (b"<xml><a>secret</b></xml>", "malformed_message", "it is not XML: not well-formed"),
        (b"<!DOCTYPE a><xml>secret</xml>", "malformed_message", "it is not XML: a DOCTYPE is not allowed"),
        (b"<xml>&secret;</xml>", "malformed_message", "it is not XML: an unknown entity"),
        (deep.as_bytes(), "malformed_message", "it is not XML: nested too deep"),
        (named.as_bytes(), "malformed_message", "it is not XML: a name is too long"),
        (wide.as_bytes(), "malformed_message", "it is not XML: too many elements"),
        (long.as_bytes(), "malformed_message", "it is not XML: the names are too long together"),
        (key.as_bytes(), "malformed_message", "it is not JSON: a name is too long"),
        (list.as_bytes(), "malformed_message", "it is not JSON: too many elements"),
        (keys.as_bytes(), "malformed_message", "it is not JSON: the names are too long together"),
        (b"{\"secret\":", "malformed_message", "it is not JSON: it ends early"),
        (b"<xml>secret\xff", "bad_utf8", "it is not XML: it ends early"),
    ] {
        let given = Given::new();
        let push = genuine(None, plaintext);
        for _ in 0..2 {
            given.take(push.clone()).await;
        }
        let (told, why) = letter(&given).await;
        assert_eq!(told, reason);
        assert!(why.ends_with(detail) && !why.contains("secret"), "{why}");
        assert_eq!(given.outcome(push.id).await, Some(CommandOutcome::Dead));
        assert!(given.names().await.is_empty());
    }
}

/// The largest notices that are read: by their paths, by the accounts that they name, by their texts.
fn large_notices() -> Vec<Vec<u8>> {
    let names = "n".repeat(60);
    let many = |element: &dyn Fn(u32) -> String| (0..900).map(element).collect::<Vec<_>>().concat();
    let paths = many(&|n| format!("<{names}{n}/>"));
    let accounts = many(&|n| format!("<x{n}_appid>wx{n:016x}</x{n}_appid>"));
    let secrets = many(&|n| format!("<{names}ticket{n}>x</{names}ticket{n}>"));
    let texts = ["\0", "\n", "\""].map(|c| format!("<text>{}</text>", c.repeat(180 << 10)));
    [paths, accounts, secrets].into_iter().chain(texts).map(String::into_bytes).collect()
}

#[tokio::test]
async fn the_largest_notices_take_little_room_in_the_store() {
    for fields in large_notices() {
        let given = Given::new();
        let pages = |given: &Given| {
            let database = rusqlite::Connection::open(given.database()).unwrap();
            database.query_row(
                "select page_count * page_size from pragma_page_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )
        };
        let before = pages(&given).unwrap();
        given.take(callback("of_tomorrow", &fields)).await;
        assert_eq!(given.names().await, ["component.notice_received"]);
        let grown = pages(&given).unwrap() - before;
        assert!(grown < 2 << 20, "{grown} bytes for {}", fields.len());
    }
}

#[tokio::test]
async fn an_appid_of_another_component_inside_is_a_dead_letter() {
    let given = Given::new();
    let text = format!(
        "<xml><AppId>{OTHER}</AppId><CreateTime>1767225600</CreateTime><InfoType>component_verify_ticket</InfoType>\
         <ComponentVerifyTicket>ticket@@@other</ComponentVerifyTicket></xml>"
    );
    given.take(genuine(None, text.as_bytes())).await;
    assert_eq!(letter(&given).await.0, "wrong_component");
    assert!(given.names().await.is_empty(), "its ticket is nobody's");
}

#[tokio::test]
async fn a_message_that_came_to_the_event_url_is_a_dead_letter_and_no_event() {
    let given = Given::new();
    given.take(genuine(None, b"<xml><ToUserName>gh_1</ToUserName><MsgType>text</MsgType></xml>")).await;
    assert_eq!(letter(&given).await.0, "wrong_url");
    assert!(given.names().await.is_empty());
}

#[tokio::test]
async fn a_callback_without_an_info_type_or_an_appid_is_kept_as_a_notice() {
    let given = Given::new();
    let without = format!("<xml><AppId>{COMPONENT}</AppId><status>1</status></xml>");
    for text in [without.as_str(), "<xml><status>1</status></xml>", r#"{"status":1}"#] {
        given.take(genuine(None, text.as_bytes())).await;
    }
    assert!(given.dead_letters().await.is_empty());
    let events = given.events().await;
    assert_eq!(events.len(), 3);
    for event in events {
        let Event::NoticeReceived(notice) = event else { panic!("{event:?}") };
        assert_eq!((notice.info_type.as_str(), notice.create_time), ("", CreateTime(SIGNED_AT)));
        assert_eq!(notice.document.unwrap().get("status"), Some("1"));
    }
}

#[tokio::test]
async fn replaced_characters_stand_in_the_document_of_a_notice_with_their_number() {
    let given = Given::new();
    given.take(callback("notify_of_tomorrow", b"<a>x\0y</a><b>\xff\x08</b><c>&#2;</c>")).await;
    let Some(Event::NoticeReceived(notice)) = given.events().await.pop() else { panic!("no notice") };
    let document = notice.document.unwrap();
    assert_eq!((document.get("a"), document.get("b")), (Some("x\u{fffd}y"), Some("\u{fffd}\u{fffd}")));
    assert_eq!(document.get(REPLACED_CHARACTERS), Some("4"));
}

#[tokio::test]
async fn a_ticket_without_a_usable_time_has_the_signed_one() {
    for (time, expected) in [
        (b"".as_slice(), SIGNED_AT),
        (b"<CreateTime>soon</CreateTime>", SIGNED_AT),
        (b"<CreateTime>0</CreateTime>", SIGNED_AT),
        (b"<CreateTime>1767225599123</CreateTime>", 1_767_225_599),
    ] {
        let given = Given::new();
        let ticket = b"<ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket>";
        given.take(callback("component_verify_ticket", &[time, ticket].concat())).await;
        let Some(Event::TicketReceived(ticket)) = given.events().await.pop() else { panic!("no ticket") };
        assert_eq!(ticket.create_time, CreateTime(expected));
    }
}

#[tokio::test]
async fn a_grant_without_a_code_or_a_time_is_recorded_and_asked_about() {
    let merchant = format!("<AuthorizerAppid>{}</AuthorizerAppid>", merchant());
    let code = "<AuthorizationCode>queryauthcode@@@one</AuthorizationCode>";
    let time = "<CreateTime>1767225000</CreateTime>";
    for (fields, has_code, create_time) in [
        (format!("{time}{merchant}"), false, Some(CreateTime(1_767_225_000))),
        (format!("{time}{merchant}<AuthorizationCode/>"), false, Some(CreateTime(1_767_225_000))),
        (format!("{merchant}{code}"), true, None),
        (format!("<CreateTime>never</CreateTime>{merchant}{code}"), true, None),
    ] {
        for info_type in ["authorized", "updateauthorized"] {
            let given = Given::new();
            given.take(callback(info_type, fields.as_bytes())).await;
            let Some(Event::Granted(granted)) = given.events().await.pop() else { panic!("{fields}") };
            assert_eq!(
                (granted.code_digest.is_some(), granted.create_time),
                (has_code, create_time),
                "{fields}"
            );
            let tasks = given.worker.storage.task_counts().await.unwrap();
            let kinds: Vec<_> = tasks.iter().map(|count| count.kind.as_str()).collect();
            assert!(kinds.iter().any(|kind| *kind != "redeem"), "it is asked about: {fields}: {kinds:?}");
            assert_eq!(kinds.contains(&"redeem"), has_code, "{fields}: {kinds:?}");
        }
    }
}

#[tokio::test]
async fn json_means_the_same_as_xml() {
    let given = Given::new();
    let text = format!(
        r#"{{"AppId":"{COMPONENT}","CreateTime":1767225000,"InfoType":"authorized","AuthorizerAppid":"{}","AuthorizationCode":"c"}}"#,
        merchant()
    );
    given.take(genuine(None, text.as_bytes())).await;
    let Some(Event::Granted(granted)) = given.events().await.pop() else { panic!("no grant") };
    assert_eq!(granted.create_time, Some(CreateTime(1_767_225_000)));
    let said = r#"{"ToUserName":"gh_1","FromUserName":"o","CreateTime":1767225000,"MsgType":"text","Content":"\ud83d"}"#;
    given.take(genuine(Some(merchant()), said.as_bytes())).await;
    assert!(given.dead_letters().await.is_empty());
}
