//! Passive replies, read by an implementation that shares nothing with ours: the Python package `wechatpy`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, Options, World, servers::variable};

/// A rule for each kind. The texts would break careless XML.
const RULES: &str = r#"
[[reply]]
text = "text"
reply = "text"
content = "你好 😀 a]]>b & <c>"
[[reply]]
text = "image"
reply = "image"
media_id = "image-1"
[[reply]]
text = "voice"
reply = "voice"
media_id = "voice-1"
[[reply]]
text = "video"
reply = "video"
media_id = "video-1"
title = "片名]]>"
description = "一分钟"
[[reply]]
text = "music"
reply = "music"
title = "歌"
description = "A & B"
music_url = "https://example.com/song.mp3?a=1&b=2"
hq_music_url = "https://example.com/song.flac"
thumb_media_id = "thumb-1"
[[reply]]
text = "news"
reply = "news"
# Two: wechatpy cannot read a single one.
articles = [
  { title = "一", description = "<b>", pic_url = "https://example.com/a.png", url = "https://example.com/?a=1&b=2" },
  { title = "二", description = "]]>", pic_url = "https://example.com/b.png", url = "https://example.com/b" },
]
[[reply]]
text_prefix = "agent"
reply = "transfer_customer_service"
agent = "anna@shop"
"#;

/// What the script reads of the replies to these texts.
fn read(world: &World, account: &str, texts: &[&str]) -> Vec<Value> {
    let python = variable("MANDATE_TEST_PYTHON");
    let component = &world.options.components[0];
    let order = json!({
        "url": format!("http://127.0.0.1:{}/wechat/{A}/messages/{account}", world.options.ingress_port),
        "token": component.pairs[0].token, "key": component.pairs[0].key, "app_id": A, "texts": texts,
    });
    let mut script = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/replies.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = script.stdin.take().expect("it is piped");
    input.write_all(order.to_string().as_bytes()).expect("the script reads");
    drop(input);
    let done = script.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test]
async fn every_kind_of_reply_is_opened_and_parsed_by_wechatpy() {
    let world = World::with(Options { extra: RULES.to_owned(), ..Options::new() }).await;
    world.ticket(A).await;
    let account = world.authorize(A).await;
    world.wait_status(A, &account, "authorized").await;
    let texts = ["text", "image", "voice", "video", "music", "news", "agent, please", "nothing"];
    let replies = read(&world, &account, &texts);
    assert_eq!(replies.len(), texts.len(), "{replies:#?}");
    for (text, reply) in texts.iter().zip(&replies).take(7) {
        assert_eq!(
            (&reply["source"], &reply["target"]),
            (&json!("gh_0a1b2c3d4e5f"), &json!("oUser")),
            "{reply}"
        );
        assert!(reply["time"].is_number(), "{text}: {reply}");
    }
    let said = |index: usize, field: &str| replies[index][field].clone();
    assert_eq!(said(0, "content"), "你好 😀 a]]>b & <c>");
    assert_eq!(said(1, "image"), "image-1");
    assert_eq!(said(2, "voice"), "voice-1");
    let video = json!({ "media_id": "video-1", "title": "片名]]>", "description": "一分钟" });
    assert_eq!(said(3, "video"), video);
    let music = json!({
        "title": "歌", "description": "A & B", "music_url": "https://example.com/song.mp3?a=1&b=2",
        "hq_music_url": "https://example.com/song.flac", "thumb_media_id": "thumb-1",
    });
    assert_eq!(said(4, "music"), music);
    let article = json!({
        "title": "一", "description": "<b>", "image": "https://example.com/a.png",
        "url": "https://example.com/?a=1&b=2",
    });
    let second = json!({
        "title": "二", "description": "]]>", "image": "https://example.com/b.png", "url": "https://example.com/b",
    });
    assert_eq!(said(5, "articles"), json!([article, second]));
    assert_eq!(replies[7], json!({ "answer": "success" }), "no rule");
    world.finish().await;
}
