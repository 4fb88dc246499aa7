//! Merchant accounts: what `WeChat` knows of them apart from any authorization.

use mandate_schema::AuthorizerId;
use serde::{Deserialize, Serialize};

use super::Mint;
use crate::release_check::test_account;

/// What kind of account a merchant has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// 公众号.
    #[default]
    OfficialAccount,
    /// 小程序.
    MiniProgram,
}

impl AccountKind {
    /// The permission sets that a merchant ticks unless told otherwise.
    pub(crate) fn usual_permissions(self) -> Vec<u32> {
        match self {
            Self::OfficialAccount => vec![1, 2, 3, 4, 7, 11, 15, 24],
            Self::MiniProgram => vec![17, 18, 19, 20, 21, 25, 30],
        }
    }
}

/// A merchant's account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) app_id: AuthorizerId,
    /// The original id, `gh_` and 12 hex digits.
    pub(crate) user_name: String,
    pub(crate) kind: AccountKind,
    pub(crate) nick_name: String,
    pub(crate) principal_name: String,
}

/// What an order says about an account that is to be made; the rest is made up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) kind: Option<AccountKind>,
    pub(crate) nick_name: Option<String>,
    pub(crate) principal_name: Option<String>,
}

/// Names that trip careless code: markup, emoji, the end of a CDATA section.
const NICK_NAMES: [&str; 6] =
    ["晨光书店", "茶☕与花🌸", "A&B <小铺>", "括号]]>测试", "Łódź 面包房", "\"引号\"和\\反斜杠"];
const PRINCIPALS: [&str; 3] = ["深圳市示例科技有限公司", "示例（杭州）餐饮管理有限公司", "个人"];

impl Account {
    /// Makes an account; number `n` of its kind of names.
    pub(crate) fn make(app_id: AuthorizerId, wishes: Wishes, n: usize, mint: &mut Mint) -> Self {
        let every_third = if n % 3 == 2 { AccountKind::MiniProgram } else { AccountKind::OfficialAccount };
        let (user_name, usual) = match test_account(&app_id) {
            Some(account) => (account.original_id.to_owned(), account.kind),
            None => (format!("gh_{}", mint.hex(12)), every_third),
        };
        Self {
            app_id,
            user_name,
            kind: wishes.kind.unwrap_or(usual),
            nick_name: wishes.nick_name.unwrap_or_else(|| NICK_NAMES[n % NICK_NAMES.len()].to_owned()),
            principal_name: wishes
                .principal_name
                .unwrap_or_else(|| PRINCIPALS[n % PRINCIPALS.len()].to_owned()),
        }
    }
}
