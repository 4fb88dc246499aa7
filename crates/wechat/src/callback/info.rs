//! The kinds of callbacks.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, Secret};

use super::{
    BetaRegistration, IcpApply, IcpVerify, OrderPathApply, OrderPathAudit, Registration, WxaAuth,
    WxaAuthAndIcp, WxaVerify,
};
use crate::tree::Element;

/// What a callback says, by `InfoType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    /// `component_verify_ticket`: every 10 minutes, good for 12 hours; the same value may come several times.
    Ticket {
        /// The whole value, `ticket@@@` included.
        ticket: Secret,
    },
    /// `authorized`: a merchant has authorized the component.
    Authorized(Grant),
    /// `updateauthorized`: a merchant has confirmed again, with more or fewer permission sets. May come first.
    UpdateAuthorized(Grant),
    /// `unauthorized`: a merchant has revoked the authorization.
    Unauthorized {
        /// The merchant's account.
        authorizer: AuthorizerId,
    },
    /// `notify_third_fasteregister` (sic): a mini program was registered, or was not.
    FastRegister(Registration),
    /// `notify_third_fastregisterbetaapp`: a trial mini program was made, or was not.
    FastRegisterBeta(BetaRegistration),
    /// `notify_third_fastverifybetaapp`: a trial mini program became a regular one, or did not.
    FastVerifyBeta(Registration),
    /// `notify_icpfiling_verify_result`: face check of an ICP filing.
    IcpVerify(IcpVerify),
    /// `notify_apply_icpfiling_result`: state of an ICP filing.
    IcpApply(IcpApply),
    /// `notify_3rd_wxa_auth`: progress of a verification.
    WxaAuth(WxaAuth),
    /// `notify_3rd_wxa_wxverify`: a verification is about to expire.
    WxaVerify(WxaVerify),
    /// `notify_3rd_wxa_auth_and_icp`: progress of verification and filing in one.
    WxaAuthAndIcp(WxaAuthAndIcp),
    /// `order_path_apply_result_notify`: whether order page paths were submitted.
    OrderPathApply(OrderPathApply),
    /// `order_path_audit_result_notify`: whether order page paths were approved.
    OrderPathAudit(OrderPathAudit),
    /// An `InfoType` that is not listed here, or a listed one whose required fields are missing or unreadable. The
    /// callback's document has all of it.
    Other {
        /// The `InfoType` as `WeChat` wrote it; empty if there is none.
        info_type: String,
    },
}

/// An authorization code that a merchant's confirmation gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The merchant's account.
    pub authorizer: AuthorizerId,
    /// The single-use code, to be redeemed for tokens. Without it there is a grant all the same.
    pub code: Option<Secret>,
    /// When the code expires; an hour after the callback in practice.
    pub code_expires_at: Option<Timestamp>,
    /// The pre-auth code of the link that was used. Absent in older pushes and if no link of ours was used.
    pub pre_auth_code: Option<Secret>,
}

impl Grant {
    fn read(root: &Element) -> Option<Self> {
        Some(Self {
            authorizer: root.authorizer("AuthorizerAppid")?,
            code: root.secret("AuthorizationCode"),
            code_expires_at: root.time("AuthorizationCodeExpiredTime"),
            pre_auth_code: root.secret("PreAuthCode"),
        })
    }
}

impl Info {
    /// Reads the fields of this `InfoType`.
    pub(super) fn read(info_type: &str, root: &Element) -> Self {
        Self::read_known(info_type, root).unwrap_or_else(|| Self::Other { info_type: info_type.to_owned() })
    }

    fn read_known(info_type: &str, root: &Element) -> Option<Self> {
        match info_type {
            "component_verify_ticket" => {
                root.secret("ComponentVerifyTicket").map(|ticket| Self::Ticket { ticket })
            }
            "authorized" => Grant::read(root).map(Self::Authorized),
            "updateauthorized" => Grant::read(root).map(Self::UpdateAuthorized),
            "unauthorized" => {
                root.authorizer("AuthorizerAppid").map(|authorizer| Self::Unauthorized { authorizer })
            }
            "notify_third_fasteregister" => Registration::read(root).map(Self::FastRegister),
            "notify_third_fastregisterbetaapp" => BetaRegistration::read(root).map(Self::FastRegisterBeta),
            "notify_third_fastverifybetaapp" => Registration::read(root).map(Self::FastVerifyBeta),
            "notify_icpfiling_verify_result" => IcpVerify::read(root).map(Self::IcpVerify),
            "notify_apply_icpfiling_result" => IcpApply::read(root).map(Self::IcpApply),
            "notify_3rd_wxa_auth" => WxaAuth::read(root).map(Self::WxaAuth),
            "notify_3rd_wxa_wxverify" => WxaVerify::read(root).map(Self::WxaVerify),
            "notify_3rd_wxa_auth_and_icp" => WxaAuthAndIcp::read(root).map(Self::WxaAuthAndIcp),
            "order_path_apply_result_notify" => OrderPathApply::read(root).map(Self::OrderPathApply),
            "order_path_audit_result_notify" => OrderPathAudit::read(root).map(Self::OrderPathAudit),
            _ => None,
        }
    }

    /// The `InfoType` as `WeChat` writes it.
    pub fn info_type(&self) -> &str {
        match self {
            Self::Ticket { .. } => "component_verify_ticket",
            Self::Authorized(_) => "authorized",
            Self::UpdateAuthorized(_) => "updateauthorized",
            Self::Unauthorized { .. } => "unauthorized",
            Self::FastRegister(_) => "notify_third_fasteregister",
            Self::FastRegisterBeta(_) => "notify_third_fastregisterbetaapp",
            Self::FastVerifyBeta(_) => "notify_third_fastverifybetaapp",
            Self::IcpVerify(_) => "notify_icpfiling_verify_result",
            Self::IcpApply(_) => "notify_apply_icpfiling_result",
            Self::WxaAuth(_) => "notify_3rd_wxa_auth",
            Self::WxaVerify(_) => "notify_3rd_wxa_wxverify",
            Self::WxaAuthAndIcp(_) => "notify_3rd_wxa_auth_and_icp",
            Self::OrderPathApply(_) => "order_path_apply_result_notify",
            Self::OrderPathAudit(_) => "order_path_audit_result_notify",
            Self::Other { info_type } => info_type,
        }
    }
}
