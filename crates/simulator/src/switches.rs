//! Where reality is uncertain or varies: one switch each, the more usual value first.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

macro_rules! switch {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $($(#[$value_doc:meta])* $value:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            #[default]
            $(#[$first_doc])* $first,
            $($(#[$value_doc])* $value,)+
        }
    };
}

switch! {
    /// Whether successive tickets differ.
    TicketValue {
        /// One value for an hour of pushes.
        Same,
        /// A new value with each push.
        New,
    }
}

switch! {
    /// Lifetimes of pre-auth codes and authorization codes.
    CodeLifetimes {
        /// 1800 s and 3600 s, as observed.
        Long,
        /// 600 s and 600 s, as older pages say.
        Short,
    }
}

switch! {
    /// Whether something optional is there.
    Presence {
        /// It is there.
        Present,
        /// It is left out.
        Absent,
    }
}

switch! {
    /// The refresh token in `api_get_authorizer_list`.
    ListedToken {
        /// There, once the authorization's code was redeemed.
        Present,
        /// An empty text.
        Empty,
        /// No such field.
        Absent,
    }
}

switch! {
    /// `total_count` in `api_get_authorizer_list`.
    ListTotal {
        /// The length of the list.
        Right,
        /// Half of it.
        TooSmall,
        /// More than twice of it.
        TooLarge,
        /// 0.
        Zero,
    }
}

switch! {
    /// The pages of `api_get_authorizer_list`.
    ListPages {
        /// As long as asked for.
        Full,
        /// 100 entries at most.
        Short,
    }
}

switch! {
    /// The order of `api_get_authorizer_list`.
    ListOrder {
        /// It stays.
        Stable,
        /// Each page moves the list on by three places, and its head to its end.
        Shifting,
    }
}

switch! {
    /// How long an access token lives on after a newer one was issued.
    Overlap {
        /// Five minutes.
        FiveMinutes,
        /// Not at all.
        None,
        /// To its own end.
        Full,
    }
}

switch! {
    /// What a refresh does to the refresh token.
    Rotation {
        /// It stays the same.
        Same,
        /// A new one; the old one works five more minutes.
        Overlap,
        /// A new one; the old one is dead.
        AtOnce,
    }
}

switch! {
    /// What `updateauthorized` does to the refresh token, once its code is redeemed.
    UpdatedToken {
        /// It stays the same.
        Same,
        /// A new one; the old one is dead.
        New,
    }
}

switch! {
    /// What `updateauthorized` does to the access token in use.
    UpdatedAccess {
        /// It lives on until the code is redeemed.
        Kept,
        /// It is dead at once.
        Dead,
    }
}

switch! {
    /// The answer to a second redemption of a code.
    SecondRedeem {
        /// 61009.
        #[serde(rename = "61009")]
        Invalid,
        /// 61010.
        #[serde(rename = "61010")]
        Expired,
    }
}

switch! {
    /// The answer to a wrong app secret.
    WrongSecret {
        /// 40125.
        #[serde(rename = "40125")]
        AppSecret,
        /// 40001.
        #[serde(rename = "40001")]
        Credential,
    }
}

switch! {
    /// White space, declaration and order of pushed documents.
    XmlStyle {
        /// A newline after each element.
        Newlines,
        /// Everything in one line.
        OneLine,
        /// With a declaration, the other order, and a newline at the end.
        Declared,
    }
}

switch! {
    /// How texts are written in pushed documents.
    XmlText {
        /// In CDATA sections.
        Cdata,
        /// Escaped.
        Plain,
    }
}

switch! {
    /// Whether each push comes twice in the same second.
    Duplicates {
        /// Once.
        Off,
        /// Twice.
        Twice,
    }
}

switch! {
    /// Whether pushes to the auth-event URL that were not answered well are sent again.
    EventRetry {
        /// Never.
        None,
        /// Up to three tries in all.
        Three,
    }
}

switch! {
    /// Whether pushes to the message URL that were not answered well are sent again.
    MessageRetry {
        /// Up to three tries in all, as documented.
        Three,
        /// Never.
        None,
    }
}

switch! {
    /// Which comes first after a merchant has confirmed on the consent page.
    ConsentOrder {
        /// The browser goes back when the push has been answered.
        EventFirst,
        /// The push comes a second after the browser was sent back.
        RedirectFirst,
        /// Both at once.
        Together,
        /// The push is lost.
        EventLost,
    }
}

switch! {
    /// How `unauthorized` is delivered.
    UnauthorizedDelivery {
        /// At once.
        InOrder,
        /// After the component's next push.
        Late,
        /// Never.
        Lost,
        /// At once, with the second of the last authorization as its time.
        SameSecond,
    }
}

switch! {
    /// Whether a successful answer carries `errcode: 0`.
    OkErrcode {
        /// Now and then.
        Sometimes,
        /// Always.
        Always,
        /// Never.
        Never,
    }
}

switch! {
    /// Length of tickets, codes and tokens.
    ValueLength {
        /// As observed: up to 140 characters.
        Normal,
        /// More than 512 characters.
        Long,
    }
}

switch! {
    /// Whether the caller's address is on the platform's list.
    CallingIp {
        /// It is.
        Registered,
        /// It is not: each call gets 61004.
        Unregistered,
    }
}

/// All switches. A client is right if it ends in the correct state under every combination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Whether successive tickets differ.
    pub ticket_value: TicketValue,
    /// Lifetimes of pre-auth codes and authorization codes.
    pub code_lifetimes: CodeLifetimes,
    /// `PreAuthCode` in `authorized` and `updateauthorized`.
    pub pre_auth_code_in_event: Presence,
    /// The old component token after a new one, the old account token after a refresh or a redemption.
    pub access_token_overlap: Overlap,
    /// The account token after `updateauthorized`, before its code is redeemed.
    pub access_token_on_update: UpdatedAccess,
    /// The refresh token after `api_authorizer_token`.
    pub refresh_token_on_refresh: Rotation,
    /// The refresh token after `updateauthorized`.
    pub refresh_token_on_update: UpdatedToken,
    /// The answer to a second redemption of a code.
    pub second_redeem: SecondRedeem,
    /// Both tokens in the answer of `api_query_auth`.
    pub tokens_in_query_auth: Presence,
    /// `refresh_token` in the answer of `api_get_authorizer_list`.
    pub refresh_token_in_list: ListedToken,
    /// `total_count` in the answer of `api_get_authorizer_list`.
    pub list_total: ListTotal,
    /// The length of the pages of `api_get_authorizer_list`.
    pub list_pages: ListPages,
    /// The order of `api_get_authorizer_list`.
    pub list_order: ListOrder,
    /// `authorizer_refresh_token` in the answer of `api_get_authorizer_info`.
    pub refresh_token_in_info: Presence,
    /// The answer to a wrong app secret.
    pub wrong_secret: WrongSecret,
    /// `errcode: 0` in successful answers.
    pub errcode_on_success: OkErrcode,
    /// Length of the values that are issued from now on.
    pub value_length: ValueLength,
    /// The platform's address list.
    pub calling_ip: CallingIp,
    /// Layout of pushed documents.
    pub xml_style: XmlStyle,
    /// Texts in pushed documents.
    pub xml_text: XmlText,
    /// Each push twice.
    pub duplicate_pushes: Duplicates,
    /// Retries on the auth-event URL.
    pub event_retry: EventRetry,
    /// Retries on the message URL.
    pub message_retry: MessageRetry,
    /// Push and redirect after a merchant has confirmed on the consent page.
    pub consent_order: ConsentOrder,
    /// Delivery of `unauthorized`.
    pub unauthorized_delivery: UnauthorizedDelivery,
}

impl Switches {
    /// These switches with some of them changed, by name: `{"xml_style": "one_line"}`. Error codes may be numbers.
    ///
    /// # Errors
    ///
    /// The text of the problem, if there is no such switch or no such value; then nothing is changed.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Self, String> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(self) else {
            unreachable!("a struct of plain enums is a JSON object")
        };
        for (name, value) in changes {
            let value = if value.is_number() { Value::String(value.to_string()) } else { value.clone() };
            all.insert(name.clone(), value);
        }
        serde_json::from_value(Value::Object(all)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn changed(changes: &Value) -> Result<Switches, String> {
        Switches::default().with(changes.as_object().expect("an object"))
    }

    #[test]
    fn some_switches_change_and_the_others_stay() {
        let switches = changed(&json!({"second_redeem": 61010, "xml_style": "declared"})).expect("valid");
        assert_eq!(switches.second_redeem, SecondRedeem::Expired);
        assert_eq!(switches.xml_style, XmlStyle::Declared);
        assert_eq!(switches.xml_text, XmlText::Cdata);
    }

    #[test]
    fn unknown_switches_and_values_are_named() {
        assert!(changed(&json!({"xml_stile": "declared"})).expect_err("unknown").contains("xml_stile"));
        assert!(changed(&json!({"xml_style": "fancy"})).expect_err("unknown").contains("one_line"));
    }
}
