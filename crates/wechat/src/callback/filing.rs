//! ICP filing (小程序备案) of mini programs.

use mandate_schema::AuthorizerId;

use crate::tree::Element;

/// Result of the face check of an ICP filing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcpVerify {
    /// The task that the calling API returned.
    pub task_id: String,
    /// The mini program that is filed.
    pub authorizer: AuthorizerId,
    /// 2 failed, 3 passed.
    pub result: i64,
    /// 9: the phone code of a verification that runs along was checked, too.
    pub along_with_auth_result: Option<i64>,
}

/// State of an ICP filing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcpApply {
    /// The mini program that is filed.
    pub authorizer: AuthorizerId,
    /// 2 platform auditing, 3 platform refused, 4 authority auditing, 5 authority refused, 6 filed, 1024 and 1025 not
    /// filed.
    pub beian_status: i64,
}

impl IcpVerify {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            task_id: root.id("task_id")?,
            authorizer: root.authorizer("verify_appid")?,
            result: root.number("result")?,
            along_with_auth_result: root.number("along_with_auth_result"),
        })
    }
}

impl IcpApply {
    pub(super) fn read(root: &Element) -> Option<Self> {
        Some(Self {
            authorizer: root.authorizer("authorizer_appid")?,
            beian_status: root.number("beian_status")?,
        })
    }
}
