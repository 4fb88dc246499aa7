//! The broker as the next place: callbacks into the worker's inbox, messages to their subscribers.

use std::collections::HashMap;

use mandate_broker::{CallbackSink, Outgoing, Publisher, SinkUnavailable};
use mandate_schema::{ComponentId, CreateTime, Push, PushKind};
use mandate_wechat::{
    envelope::{CallbackQuery, KeyRing},
    message::{self, Message},
    push::{self, Content, GenuinePush},
    release_check,
};
use tracing::warn;

/// Longest part of a routing key, in bytes; a whole one may have 255.
const WORD_MAX: usize = 64;

/// Hands pushes over to the broker.
pub struct ToBroker {
    inbox: Publisher,
    messages: Publisher,
    rings: HashMap<ComponentId, KeyRing>,
}

impl ToBroker {
    /// A sink with the keys that open messages, and a publisher for each place: what becomes of one must not matter to the
    /// other.
    pub fn new(inbox: Publisher, messages: Publisher, rings: impl IntoIterator<Item = KeyRing>) -> Self {
        let rings = rings.into_iter().map(|ring| (ring.component().clone(), ring)).collect();
        Self { inbox, messages, rings }
    }

    /// The message for subscribers that a push becomes, opened. `None`: the push goes to the worker as it came. So does a
    /// message that cannot be opened any more, for want of a key that was removed, and a text of the release check, which is
    /// never published.
    fn message(&self, push: &Push) -> Option<Outgoing> {
        let (time, message) = match push.kind() {
            PushKind::Event => None,
            PushKind::Message => self.open(push),
        }?;
        let is_secret = release_check::step(&message).is_some_and(|step| step.is_secret());
        (!is_secret).then(|| published(push, time, message))
    }

    fn open(&self, push: &Push) -> Option<(CreateTime, Message)> {
        let ring = self.rings.get(&push.component)?;
        let query = CallbackQuery::parse(&push.query).ok()?;
        let opened = push::open(ring, &query, push.body.as_bytes(), push.authorizer.as_ref()).ok()?;
        let GenuinePush { time, content, .. } = opened;
        match content {
            Ok(Content::Message(message)) => Some((time, *message)),
            Ok(Content::Callback(_)) => None,
            Err(bad) => {
                warn!(callback.id = %push.id, "message {} goes to the worker: {bad}", push.id);
                None
            }
        }
    }
}

impl CallbackSink for ToBroker {
    fn settles(kind: PushKind) -> bool {
        match kind {
            PushKind::Event => false,
            PushKind::Message => true, // it is not part of the log: nobody knows more about it later
        }
    }

    async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
        let (mut callbacks, mut messages) = (Vec::new(), Vec::new());
        for push in &batch {
            match self.message(push) {
                Some(message) => messages.push(message),
                None => callbacks.push(mandate_broker::callback(push)),
            }
        }
        for (publisher, batch) in [(&self.inbox, callbacks), (&self.messages, messages)] {
            if !batch.is_empty() {
                publisher.publish(batch).await.map_err(|error| SinkUnavailable(Box::new(error)))?;
            }
        }
        Ok(())
    }
}

fn published(push: &Push, time: CreateTime, message: Message) -> Outgoing {
    let authorizer = push.authorizer.as_ref().expect("a push of the message URL has one");
    let key = routing_key(&push.component, authorizer.as_str(), &message);
    mandate_broker::message(key, &message::published(push, time, message), push)
}

/// `message.{msg_type}.{event or "none"}.{component}.{authorizer}`, lower case.
fn routing_key(component: &ComponentId, authorizer: &str, message: &Message) -> String {
    let kind = message.msg_type.as_deref().map_or_else(|| "none".to_owned(), word);
    let event = message.event.as_deref().map_or_else(|| "none".to_owned(), word);
    format!("message.{kind}.{event}.{component}.{authorizer}").to_ascii_lowercase()
}

/// A text as one word of a routing key: dots separate words.
fn word(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c.to_ascii_lowercase() } else { '_' }
    };
    let word: String = text.chars().take(WORD_MAX).map(safe).collect();
    if word.is_empty() { "none".to_owned() } else { word }
}
