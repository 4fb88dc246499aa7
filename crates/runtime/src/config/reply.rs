//! `[[reply]]`: passive replies of the message URL.

use mandate_schema::{AuthorizerId, ComponentId};

use super::{component::Component, section::Section};

/// Rules at most: every message is compared with all of them before it is answered.
const RULES_MAX: usize = 1_000;
/// Bytes of one text at most.
const TEXT_MAX: usize = 4_096;
/// Articles of one reply at most, which is `WeChat`'s own limit.
const ARTICLES_MAX: usize = 8;
/// The kinds of replies.
const KINDS: &str = "text, image, voice, video, music, news, transfer_customer_service";

/// What is answered to which messages. The first rule that matches answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyRule {
    /// Only pushes of this component.
    pub component: Option<ComponentId>,
    /// Only pushes of this account.
    pub authorizer: Option<AuthorizerId>,
    /// Only this `MsgType`.
    pub msg_type: Option<String>,
    /// Only this `Event`; `WeChat` is not consistent about upper and lower case, so neither matters.
    pub event: Option<String>,
    /// Only this `EventKey`.
    pub event_key: Option<String>,
    /// Only texts like this.
    pub text: Option<TextMatch>,
    /// The reply.
    pub answer: Answer,
}

/// Which texts a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// This text, but for blanks around it.
    Exact(String),
    /// Texts that begin with this, but for blanks before it.
    Prefix(String),
}

/// A passive reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A text.
    Text {
        /// The text.
        content: String,
    },
    /// An uploaded image.
    Image {
        /// The upload.
        media_id: String,
    },
    /// An uploaded voice recording.
    Voice {
        /// The upload.
        media_id: String,
    },
    /// An uploaded video.
    Video {
        /// The upload.
        media_id: String,
        /// Its title.
        title: Option<String>,
        /// Its description.
        description: Option<String>,
    },
    /// A piece of music.
    Music {
        /// Its title.
        title: Option<String>,
        /// Its description.
        description: Option<String>,
        /// Where it is.
        url: Option<String>,
        /// Where it is in better quality.
        hq_url: Option<String>,
        /// The uploaded picture beside it.
        thumb_media_id: String,
    },
    /// Articles.
    News {
        /// From one to eight.
        articles: Vec<NewsArticle>,
    },
    /// Hands the message over to customer service.
    TransferCustomerService {
        /// To this agent.
        agent: Option<String>,
    },
}

/// An article of a news reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsArticle {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: Option<String>,
    /// Where its picture is.
    pub pic_url: Option<String>,
    /// Where it leads.
    pub url: String,
}

/// Reads all rules, in order; those with a problem are left out.
pub(super) fn read_all(root: &mut Section<'_>, components: &[Component]) -> Vec<ReplyRule> {
    let sections = root.sections("reply");
    if sections.len() > RULES_MAX {
        root.problem("reply", &root.report.origin_of("reply"), format!("must be {RULES_MAX} rules at most"));
        return Vec::new();
    }
    sections.into_iter().filter_map(|section| ReplyRule::read(section, components)).collect()
}

impl ReplyRule {
    fn read(mut section: Section<'_>, components: &[Component]) -> Option<Self> {
        let component: Option<ComponentId> = section.optional("component");
        if component.as_ref().is_some_and(|named| components.iter().all(|known| known.app_id != *named)) {
            let source = section.report.origin_of(&section.key("component"));
            section.problem("component", &source, "is none of [[component]]");
        }
        let authorizer = section.optional("authorizer");
        let (msg_type, event) = (text(&mut section, "msg_type"), text(&mut section, "event"));
        let event_key = text(&mut section, "event_key");
        let (exact, prefix) = (text(&mut section, "text"), text(&mut section, "text_prefix"));
        if exact.is_some() && prefix.is_some() {
            let source = section.report.origin_of(&section.key("text_prefix"));
            section.problem("text_prefix", &source, "cannot stand beside `text`");
        }
        let matched = exact.map(TextMatch::Exact).or(prefix.map(TextMatch::Prefix));
        let answer = Answer::read(&mut section);
        section.finish();
        Some(Self { component, authorizer, msg_type, event, event_key, text: matched, answer: answer? })
    }
}

impl Answer {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let kind: String = section.required("reply")?;
        Some(match kind.as_str() {
            "text" => Self::Text { content: required_text(section, "content")? },
            "image" => Self::Image { media_id: required_text(section, "media_id")? },
            "voice" => Self::Voice { media_id: required_text(section, "media_id")? },
            "video" => Self::Video {
                title: text(section, "title"),
                description: text(section, "description"),
                media_id: required_text(section, "media_id")?,
            },
            "music" => Self::Music {
                title: text(section, "title"),
                description: text(section, "description"),
                url: text(section, "music_url"),
                hq_url: text(section, "hq_music_url"),
                thumb_media_id: required_text(section, "thumb_media_id")?,
            },
            "news" => Self::News { articles: articles(section)? },
            "transfer_customer_service" => Self::TransferCustomerService { agent: text(section, "agent") },
            _ => {
                let source = section.report.origin_of(&section.key("reply"));
                section.problem("reply", &source, format!("must be one of {KINDS}"));
                return None;
            }
        })
    }
}

fn articles(section: &mut Section<'_>) -> Option<Vec<NewsArticle>> {
    let sections = section.sections("articles");
    if !(1..=ARTICLES_MAX).contains(&sections.len()) {
        let source = section.report.origin_of(&section.key("reply"));
        section.problem("articles", &source, format!("must be 1 to {ARTICLES_MAX} articles"));
        return None;
    }
    sections.into_iter().map(NewsArticle::read).collect()
}

impl NewsArticle {
    fn read(mut section: Section<'_>) -> Option<Self> {
        let (title, url) = (required_text(&mut section, "title"), required_text(&mut section, "url"));
        let (description, pic_url) = (text(&mut section, "description"), text(&mut section, "pic_url"));
        section.finish();
        Some(Self { title: title?, description, pic_url, url: url? })
    }
}

fn required_text(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text: String = section.required(key)?;
    checked(section, key, text)
}

fn text(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text: String = section.optional(key)?;
    checked(section, key, text)
}

fn checked(section: &Section<'_>, key: &'static str, text: String) -> Option<String> {
    // What XML cannot hold could not be answered.
    let in_xml =
        |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    if (1..=TEXT_MAX).contains(&text.len()) && text.chars().all(in_xml) {
        return Some(text);
    }
    let source = section.report.origin_of(&section.key(key));
    section.problem(
        key,
        &source,
        format!("must be 1 to {TEXT_MAX} bytes of text without control characters"),
    );
    None
}
