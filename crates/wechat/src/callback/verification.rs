//! Verification (微信认证) of mini programs on behalf of merchants.

use jiff::Timestamp;
use mandate_schema::AuthorizerId;

use crate::tree::Element;

/// Progress of a verification. Pushed when `task_status` becomes 0, 6, 9 or 12 and `apply_status` 2, 3, 4 or 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WxaAuth {
    /// The mini program.
    pub authorizer: AuthorizerId,
    /// The task that the calling API returned.
    pub task_id: String,
    /// 0 created, 1 older than 24 hours, 2 refused by the user, 3 agreed, 4 to 6 face check started, failed, passed, 7 to 9
    /// phone code sent, failed, passed, 11 and 12 order not created, created, 14 failed, 15 waiting for payment.
    pub task_status: i64,
    /// Meaningful once `task_status` is 12: 0 no order, 1 unpaid, 2 auditing, 3 returned, 4 passed, 5 refused.
    pub apply_status: Option<i64>,
    /// `WeChat`'s words about it.
    pub message: Option<String>,
    /// Who audits; with `apply_status` 2.
    pub dispatch: Option<Dispatch>,
}

/// The company that audits a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Its name.
    pub provider: Option<String>,
    /// How to reach it.
    pub contact: Option<String>,
    /// When it got the order.
    pub dispatched_at: Option<Timestamp>,
}

/// A verification is about to expire: sent 60 and 30 days before and on the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WxaVerify {
    /// The mini program.
    pub authorizer: AuthorizerId,
    /// When its verification ends.
    pub expires_at: Timestamp,
    /// `WeChat`'s words about it.
    pub message: Option<String>,
}

/// Progress of verification and ICP filing in one procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WxaAuthAndIcp {
    /// The procedure that the calling API returned.
    pub procedure_id: String,
    /// Up to 15 as [`WxaAuth::task_status`], 16 paid, 17 to 20 verification auditing, returned, passed, refused, 21 filing
    /// order not created, 22 to 25 filing auditing and refused by platform and authority, 26 done, 27 expired, 28
    /// terminated, 29 withdrawn.
    pub procedure_status: i64,
}

impl WxaAuth {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            authorizer: root.authorizer("appid")?,
            task_id: root.id("taskid")?,
            task_status: root.number("task_status")?,
            apply_status: root.number("apply_status"),
            message: root.owned_text("message"),
            dispatch: root.child("dispatch_info").map(Dispatch::read),
        })
    }
}

impl Dispatch {
    fn read(info: &Element) -> Self {
        Self {
            provider: info.owned_text("provider"),
            contact: info.owned_text("contact"),
            dispatched_at: info.time("dispatch_time"),
        }
    }
}

impl WxaVerify {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            authorizer: root.authorizer("appid")?,
            expires_at: root.time("expired")?,
            message: root.owned_text("message"),
        })
    }
}

impl WxaAuthAndIcp {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            procedure_id: root.id("procedure_id")?,
            procedure_status: root.number("procedure_status")?,
        })
    }
}
