//! Results of registering mini programs on behalf of merchants.

use mandate_schema::{AuthorizerId, Secret};

use crate::tree::Element;

/// Result of registering a mini program, or of turning a trial one into a regular one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// 0 is success, all else failure: -1 in general, 100001 to 100003 the legal person did not confirm in 24 hours,
    /// 101 to 105 and 1000 company or legal person do not match the registers, 53010 and above the name.
    pub status: i64,
    /// `WeChat`'s words about it.
    pub message: Option<String>,
    /// The new mini program; absent on failure.
    pub app_id: Option<AuthorizerId>,
    /// An authorization code for it, redeemed like any other; absent on failure.
    pub code: Option<Secret>,
    /// What was applied for. One captured failure had none of it.
    pub details: RegistrationDetails,
}

/// What a registration was applied for with. A company fills other fields than an individual does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrationDetails {
    /// Company name.
    pub name: Option<String>,
    /// Company code, of the kind that `code_type` says. Not an authorization code.
    pub code: Option<String>,
    /// 1 unified social credit code, 2 organization code, 3 business licence number.
    pub code_type: Option<i64>,
    /// `WeChat` id of the legal person.
    pub legal_persona_wechat: Option<String>,
    /// Name of the legal person.
    pub legal_persona_name: Option<String>,
    /// Telephone number of the component.
    pub component_phone: Option<String>,
    /// `WeChat` id of an individual.
    pub wxuser: Option<String>,
    /// Name of an individual.
    pub idname: Option<String>,
}

/// Result of making a trial mini program. Its code comes in an `authorized` callback of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BetaRegistration {
    /// 0 is success, all else failure.
    pub status: i64,
    /// `WeChat`'s words about it.
    pub message: Option<String>,
    /// The trial mini program; absent on failure.
    pub app_id: Option<AuthorizerId>,
    /// The id that the creating call returned.
    pub unique_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

impl Registration {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            status: root.number("status")?,
            message: root.owned_text("msg"),
            app_id: root.authorizer("appid"),
            code: root.secret("auth_code"),
            details: root.child("info").map(RegistrationDetails::read).unwrap_or_default(),
        })
    }

    /// Whether the mini program exists now.
    pub fn succeeded(&self) -> bool {
        self.status == 0
    }
}

impl RegistrationDetails {
    fn read(info: &Element) -> Self {
        Self {
            name: info.owned_text("name"),
            code: info.owned_text("code"),
            code_type: info.number("code_type"),
            legal_persona_wechat: info.owned_text("legal_persona_wechat"),
            legal_persona_name: info.owned_text("legal_persona_name"),
            component_phone: info.owned_text("component_phone"),
            wxuser: info.owned_text("wxuser"),
            idname: info.owned_text("idname"),
        }
    }
}

impl BetaRegistration {
    pub(super) fn read(root: &Element) -> Option<Self> {
        let info = root.child("info");
        Some(Self {
            status: root.number("status")?,
            message: root.owned_text("msg"),
            app_id: root.authorizer("appid"),
            unique_id: info.and_then(|info| info.id("unique_id")),
            name: info.and_then(|info| info.owned_text("name")),
        })
    }

    /// Whether the mini program exists now.
    pub fn succeeded(&self) -> bool {
        self.status == 0
    }
}
