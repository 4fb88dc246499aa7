//! Passive replies: what stands in the response to a push of the message URL, before
//! [`crate::envelope::KeyRing::seal_reply`] seals it.

use crate::xml::cdata;

/// The body that says "received, nothing to add" on both URLs. It is never sealed: a sealed one makes the user's chat show
/// a fault notice.
pub const SUCCESS: &str = "success";

/// Whom a passive reply is for. Receiver and sender are those of the push, swapped.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The push's `FromUserName`: openid of the user.
    pub to_user: &'a str,
    /// The push's `ToUserName`: original id of the account.
    pub from_user: &'a str,
}

/// A text for the user of an official account. `create_time` is our clock in Unix seconds.
///
/// A mini program cannot reply with a text this way.
pub fn text(address: Address<'_>, create_time: i64, content: &str) -> String {
    inner(address, create_time, "text", &format!("<Content>{}</Content>\n", cdata(content)))
}

/// An uploaded image.
pub fn image(address: Address<'_>, create_time: i64, media_id: &str) -> String {
    inner(address, create_time, "image", &media("Image", media_id))
}

/// An uploaded voice recording.
pub fn voice(address: Address<'_>, create_time: i64, media_id: &str) -> String {
    inner(address, create_time, "voice", &media("Voice", media_id))
}

/// An uploaded video.
pub fn video(
    address: Address<'_>,
    create_time: i64,
    media_id: &str,
    title: Option<&str>,
    description: Option<&str>,
) -> String {
    let content =
        [element("MediaId", Some(media_id)), element("Title", title), element("Description", description)];
    inner(address, create_time, "video", &format!("<Video>{}</Video>\n", content.concat()))
}

/// A piece of music to be played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Music<'a> {
    /// Title.
    pub title: Option<&'a str>,
    /// Description.
    pub description: Option<&'a str>,
    /// Where it is.
    pub url: Option<&'a str>,
    /// Where it is in better quality, for Wi-Fi.
    pub hq_url: Option<&'a str>,
    /// The uploaded picture beside it.
    pub thumb_media_id: &'a str,
}

/// A piece of music.
pub fn music(address: Address<'_>, create_time: i64, music: Music<'_>) -> String {
    let content = [
        element("Title", music.title),
        element("Description", music.description),
        element("MusicUrl", music.url),
        element("HQMusicUrl", music.hq_url),
        element("ThumbMediaId", Some(music.thumb_media_id)),
    ];
    inner(address, create_time, "music", &format!("<Music>{}</Music>\n", content.concat()))
}

/// One of the articles of a news reply.
#[derive(Clone, Copy, Debug)]
pub struct Article<'a> {
    /// Title.
    pub title: &'a str,
    /// Description.
    pub description: Option<&'a str>,
    /// Where its picture is.
    pub pic_url: Option<&'a str>,
    /// Where it leads.
    pub url: &'a str,
}

/// Articles with picture, title and link.
pub fn news<'a>(
    address: Address<'_>,
    create_time: i64,
    articles: impl IntoIterator<Item = Article<'a>>,
) -> String {
    let items: Vec<String> = articles
        .into_iter()
        .map(|article| {
            let content = [
                element("Title", Some(article.title)),
                element("Description", article.description),
                element("PicUrl", article.pic_url),
                element("Url", Some(article.url)),
            ];
            format!("<item>{}</item>\n", content.concat())
        })
        .collect();
    let content =
        format!("<ArticleCount>{}</ArticleCount>\n<Articles>\n{}</Articles>\n", items.len(), items.concat());
    inner(address, create_time, "news", &content)
}

/// Hands the user's message over to the account's customer service, to one of its agents if `agent` names one. For messages, not
/// for events.
pub fn transfer_customer_service(address: Address<'_>, create_time: i64, agent: Option<&str>) -> String {
    let agent = agent.map_or_else(String::new, |agent| {
        format!("<TransInfo>{}</TransInfo>\n", element("KfAccount", Some(agent)))
    });
    inner(address, create_time, "transfer_customer_service", &agent)
}

fn media(name: &str, media_id: &str) -> String {
    format!("<{name}>{}</{name}>\n", element("MediaId", Some(media_id)))
}

fn element(name: &str, text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("<{name}>{}</{name}>", cdata(text)))
}

fn inner(address: Address<'_>, create_time: i64, msg_type: &str, content: &str) -> String {
    format!(
        "<xml>\n<ToUserName>{}</ToUserName>\n<FromUserName>{}</FromUserName>\n\
         <CreateTime>{create_time}</CreateTime>\n<MsgType>{}</MsgType>\n{content}</xml>",
        cdata(address.to_user),
        cdata(address.from_user),
        cdata(msg_type),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse_message;

    #[test]
    fn a_text_reply_is_a_message_the_other_way_round() {
        let address = Address { to_user: "oXyz", from_user: "gh_0a1b2c3d4e5f" };
        let reply = parse_message(&text(address, 1_767_225_600, "a]]>b 你好 😀\n<c>")).unwrap();
        assert_eq!(reply.to_user.as_deref(), Some("oXyz"));
        assert_eq!(reply.from_user.as_deref(), Some("gh_0a1b2c3d4e5f"));
        assert_eq!(reply.msg_type.as_deref(), Some("text"));
        assert_eq!(reply.document.get("Content"), Some("a]]>b 你好 😀\n<c>"));
    }

    #[test]
    fn every_kind_says_what_it_was_given() {
        let address = Address { to_user: "oXyz", from_user: "gh_0a1b2c3d4e5f" };
        let song = Music {
            title: Some("歌]]>"),
            url: Some("https://a.example/1?a=b&c"),
            thumb_media_id: "t",
            ..Music::default()
        };
        let article =
            |title| Article { title, description: Some("d"), pic_url: None, url: "https://a.example" };
        for (reply, msg_type, said) in [
            (image(address, 1, "m1"), "image", vec![("Image.MediaId", "m1")]),
            (voice(address, 1, "m2"), "voice", vec![("Voice.MediaId", "m2")]),
            (
                video(address, 1, "m3", Some("t"), None),
                "video",
                vec![("Video.MediaId", "m3"), ("Video.Title", "t")],
            ),
            (
                music(address, 1, song),
                "music",
                vec![
                    ("Music.MusicUrl", "https://a.example/1?a=b&c"),
                    ("Music.ThumbMediaId", "t"),
                    ("Music.Title", "歌]]>"),
                ],
            ),
            (
                news(address, 1, [article("one")]),
                "news",
                vec![
                    ("ArticleCount", "1"),
                    ("Articles.item.Description", "d"),
                    ("Articles.item.Title", "one"),
                    ("Articles.item.Url", "https://a.example"),
                ],
            ),
            (transfer_customer_service(address, 1, None), "transfer_customer_service", vec![]),
            (
                transfer_customer_service(address, 1, Some("a@b")),
                "transfer_customer_service",
                vec![("TransInfo.KfAccount", "a@b")],
            ),
        ] {
            let message = parse_message(&reply).unwrap();
            assert_eq!(message.msg_type.as_deref(), Some(msg_type));
            let head = ["CreateTime", "FromUserName", "MsgType", "ToUserName"];
            let document = message.document.iter().filter(|(path, _)| !head.contains(path));
            let document: Vec<(&str, &str)> =
                document.map(|(path, texts)| (path, texts[0].as_str())).collect();
            assert_eq!(document, said, "{reply}");
        }
        let two = parse_message(&news(address, 1, [article("one"), article("two")])).unwrap();
        let titles = two.document.iter().find(|(path, _)| *path == "Articles.item.Title").unwrap().1;
        assert_eq!(titles, ["one", "two"]);
    }
}
