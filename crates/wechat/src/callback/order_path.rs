//! Order page paths (订单页 path) set for several mini programs at once.

use jiff::Timestamp;
use mandate_schema::AuthorizerId;

use crate::tree::Element;

/// Whether order page paths were submitted, account by account. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPathApply {
    /// One per `list` element; how several accounts come is not documented.
    pub items: Vec<OrderPathApplyItem>,
}

/// Whether one account's order page path was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPathApplyItem {
    /// The mini program.
    pub authorizer: AuthorizerId,
    /// Number of the audit.
    pub audit_id: Option<String>,
    /// 0 submitted, 1 submitted already, -1 busy, -2 appid invalid.
    pub ret_code: i64,
}

/// Whether order page paths were approved, account by account. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPathAudit {
    /// One per `list` element; how several accounts come is not documented.
    pub items: Vec<OrderPathAuditItem>,
}

/// Whether one account's order page path was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPathAuditItem {
    /// The mini program.
    pub authorizer: AuthorizerId,
    /// Number of the audit.
    pub audit_id: Option<String>,
    /// 2 in audit, 3 refused, 4 passed.
    pub status: i64,
    /// When it was submitted.
    pub applied_at: Option<Timestamp>,
    /// When it was decided.
    pub audited_at: Option<Timestamp>,
    /// Why it was refused.
    pub reason: Option<String>,
}

impl OrderPathApply {
    pub(super) fn read(root: &Element) -> Option<Self> {
        items(root, |item| {
            Some(OrderPathApplyItem {
                authorizer: item.authorizer("appid")?,
                audit_id: item.id("audit_id"),
                ret_code: item.number("ret_code")?,
            })
        })
        .map(|items| Self { items })
    }
}

impl OrderPathAudit {
    pub(super) fn read(root: &Element) -> Option<Self> {
        items(root, |item| {
            Some(OrderPathAuditItem {
                authorizer: item.authorizer("appid")?,
                audit_id: item.id("audit_id"),
                status: item.number("status")?,
                applied_at: item.time("apply_time"),
                audited_at: item.time("audit_time"),
                reason: item.owned_text("reason"),
            })
        })
        .map(|items| Self { items })
    }
}

/// Every `list` element, or `None` if there is none or one of them is unreadable: half a batch would look complete.
fn items<T>(root: &Element, read: impl Fn(&Element) -> Option<T>) -> Option<Vec<T>> {
    let items: Vec<T> = root.children("list").map(read).collect::<Option<_>>()?;
    Some(items).filter(|items| !items.is_empty())
}
