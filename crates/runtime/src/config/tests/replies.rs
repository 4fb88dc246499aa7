//! Passive replies.

use super::{
    super::{Answer, NewsArticle, TextMatch},
    component, config, problems,
};

#[test]
fn rules_are_read_in_order_with_what_they_ask_for() {
    let toml = component("")
        + "[[reply]]\ncomponent = 'wx1f2e3d4c5b6a7988'\nauthorizer = 'wxa0b1c2d3e4f50617'\nmsg_type = 'event'\n\
           event = 'CLICK'\nevent_key = 'k'\nreply = 'text'\ncontent = \"a\\n😀\"\n\
           [[reply]]\ntext = 'hi'\nreply = 'transfer_customer_service'\nagent = 'a@b'\n\
           [[reply]]\ntext_prefix = 'h'\nreply = 'video'\nmedia_id = 'm'\ntitle = 't'";
    let rules = config(&toml).replies;
    let [first, second, third] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!(first.component.as_ref().map(ToString::to_string).as_deref(), Some("wx1f2e3d4c5b6a7988"));
    assert_eq!(first.authorizer.as_ref().map(ToString::to_string).as_deref(), Some("wxa0b1c2d3e4f50617"));
    let asked = [&first.msg_type, &first.event, &first.event_key].map(Option::as_deref);
    assert_eq!(asked, [Some("event"), Some("CLICK"), Some("k")]);
    assert_eq!((&first.text, &first.answer), (&None, &Answer::Text { content: "a\n😀".into() }));
    assert_eq!(second.text, Some(TextMatch::Exact("hi".into())));
    assert_eq!(second.answer, Answer::TransferCustomerService { agent: Some("a@b".into()) });
    assert_eq!(third.text, Some(TextMatch::Prefix("h".into())));
    let video = Answer::Video { media_id: "m".into(), title: Some("t".into()), description: None };
    assert_eq!(third.answer, video);
}

#[test]
fn every_other_kind_is_read() {
    let rules = config(
        "[[reply]]\nreply = 'image'\nmedia_id = 'm'\n[[reply]]\nreply = 'voice'\nmedia_id = 'm'\n\
         [[reply]]\nreply = 'music'\nthumb_media_id = 'm'\nmusic_url = 'https://a.example'\n\
         [[reply]]\nreply = 'news'\narticles = [{ title = 't', url = 'https://a.example' }]",
    )
    .replies;
    let url = || "https://a.example".to_owned();
    let article = NewsArticle { title: "t".into(), description: None, pic_url: None, url: url() };
    let answers: Vec<Answer> = rules.into_iter().map(|rule| rule.answer).collect();
    assert_eq!(
        answers,
        [
            Answer::Image { media_id: "m".into() },
            Answer::Voice { media_id: "m".into() },
            Answer::Music {
                title: None,
                description: None,
                url: Some(url()),
                hq_url: None,
                thumb_media_id: "m".into()
            },
            Answer::News { articles: vec![article] },
        ]
    );
}

#[test]
fn a_rule_that_cannot_work_is_told() {
    let at = |found: &[String], key: &str| found.iter().any(|problem| problem.starts_with(key));
    for (toml, key) in [
        ("reply = 'poem'", "reply.0.reply: must be one of text, image"),
        ("content = 'x'", "reply.0.reply: is required"),
        ("reply = 'text'", "reply.0.content: is required"),
        ("reply = 'text'\ncontent = ''", "reply.0.content: must be 1 to"),
        ("reply = 'text'\ncontent = \"a\\u0000\"", "reply.0.content: must be 1 to"),
        ("reply = 'text'\ncontent = 'x'\nmedia_id = 'm'", "reply.0.media_id: is not a known key"),
        ("reply = 'news'\narticles = []", "reply.0.articles: must be 1 to 8"),
        ("reply = 'news'\narticles = [{ title = 't' }]", "reply.0.articles.0.url: is required"),
        ("reply = 'text'\ncontent = 'x'\ntext = 'a'\ntext_prefix = 'a'", "reply.0.text_prefix: cannot stand"),
        ("reply = 'text'\ncontent = 'x'\ncomponent = 'wx0000000000000000'", "reply.0.component: is none of"),
    ] {
        let found = problems(&format!("[[reply]]\n{toml}"));
        assert!(at(&found, key), "{toml}: {found:?}");
    }
    let rule = "[[reply]]\nreply = 'text'\ncontent = 'x'\n";
    assert!(at(&problems(&rule.repeat(1_001)), "reply: must be 1000 rules"));
    assert_eq!(config(&rule.repeat(1_000)).replies.len(), 1_000);
}
