//! The published form of a push of the message URL. It is not part of the log: it has no position.

use jiff::Timestamp;
use serde::Serialize;

use crate::{AuthorizerId, CallbackId, ComponentId, CreateTime, Document, Position, format_time};

/// The published type.
pub const MESSAGE_TYPE: &str = "mandate.message.received.v1";

/// What a user wrote, or what happened to an account, as `CloudEvents` 1.0 JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageEvent {
    specversion: &'static str,
    /// The callback id: the same at every delivery.
    id: CallbackId,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: AuthorizerId,
    time: String,
    datacontenttype: &'static str,
    dataschema: String,
    partitionkey: AuthorizerId,
    recordedtime: String,
    /// Where it stands in the feed, in 20 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    data: MessageData,
}

/// What the message says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageData {
    /// The component whose URL was called.
    pub component: ComponentId,
    /// The account from the URL, which is not signed: see `unverified`.
    pub authorizer: AuthorizerId,
    /// `text`, `image`, … or `event`.
    pub msg_type: Option<String>,
    /// Which event, if `msg_type` is `event`.
    pub event: Option<String>,
    /// `WeChat`'s time of it, in seconds.
    pub create_time: CreateTime,
    /// The whole message: element path to text.
    pub document: Document,
    /// Nothing but the unsigned URL says so far that the original id in the message is this account's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// It came more than an hour after it was signed: somebody may have captured it and sent it again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

impl MessageEvent {
    /// The published form of a message that ingress received at this time.
    pub fn new(id: CallbackId, data: MessageData, received_at: Timestamp) -> Self {
        let happened_at = Timestamp::from_second(data.create_time.0).unwrap_or(received_at);
        Self {
            specversion: "1.0",
            id,
            source: format!("/wechat/component/{}", data.component),
            kind: MESSAGE_TYPE,
            subject: data.authorizer.clone(),
            time: format_time(happened_at),
            datacontenttype: "application/json",
            dataschema: format!("/api/v1/schemas/{MESSAGE_TYPE}.json"),
            partitionkey: data.authorizer.clone(),
            recordedtime: format_time(received_at),
            sequence: None,
            data,
        }
    }

    /// The same, at its position in a feed.
    pub fn at(self, position: Position) -> Self {
        Self { sequence: Some(format!("{:020}", position.0)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_cloud_event_about_its_account() {
        let mut document = Document::default();
        document.push("Content", "你好 🍵");
        let data = MessageData {
            component: "wx1f2e3d4c5b6a7988".parse().expect("valid"),
            authorizer: "wxa0b1c2d3e4f50617".parse().expect("valid"),
            msg_type: Some("text".into()),
            event: None,
            create_time: CreateTime(1_767_225_600),
            document,
            unverified: true,
            late: true,
        };
        let id = CallbackId(uuid::Uuid::from_u128(7));
        let event = MessageEvent::new(id, data, "2026-01-01T00:00:01.5Z".parse().expect("valid"));
        assert_eq!(
            serde_json::to_value(&event).expect("plain"),
            serde_json::json!({
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000007",
                "source": "/wechat/component/wx1f2e3d4c5b6a7988",
                "type": "mandate.message.received.v1",
                "subject": "wxa0b1c2d3e4f50617",
                "time": "2026-01-01T00:00:00.000Z",
                "datacontenttype": "application/json",
                "dataschema": "/api/v1/schemas/mandate.message.received.v1.json",
                "partitionkey": "wxa0b1c2d3e4f50617",
                "recordedtime": "2026-01-01T00:00:01.500Z",
                "data": {
                    "component": "wx1f2e3d4c5b6a7988",
                    "authorizer": "wxa0b1c2d3e4f50617",
                    "msg_type": "text",
                    "event": null,
                    "create_time": 1_767_225_600,
                    "document": {"Content": "你好 🍵"},
                    "unverified": true,
                    "late": true,
                }
            })
        );
    }
}
