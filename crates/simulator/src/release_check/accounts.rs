//! The test accounts of the release check: an official account and a mini program in each of five groups.

use mandate_schema::AuthorizerId;

use crate::state::AccountKind;

/// A test account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestAccount {
    app_id: &'static str,
    pub(crate) original_id: &'static str,
    pub(crate) kind: AccountKind,
}

impl TestAccount {
    const fn new(kind: AccountKind, (app_id, original_id): (&'static str, &'static str)) -> Self {
        Self { app_id, original_id, kind }
    }

    pub(crate) fn app_id(&self) -> AuthorizerId {
        AuthorizerId::parse(self.app_id).expect("the shape of an appid")
    }
}

/// Two accounts that are checked together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) official_account: TestAccount,
    pub(crate) mini_program: TestAccount,
}

const fn group(
    official_account: (&'static str, &'static str),
    mini_program: (&'static str, &'static str),
) -> Group {
    Group {
        official_account: TestAccount::new(AccountKind::OfficialAccount, official_account),
        mini_program: TestAccount::new(AccountKind::MiniProgram, mini_program),
    }
}

pub(crate) const GROUPS: [Group; 5] = [
    group(("wx570bc396a51b8ff8", "gh_3c884a361561"), ("wxd101a85aa106f53e", "gh_8dad206e9538")),
    group(("wx9252c5e0bb1836fc", "gh_c0f28a78b318"), ("wxc39235c15087f6f3", "gh_905ae9d01059")),
    group(("wx8e1097c5bc82cde9", "gh_3f222ed8d140"), ("wx7720d01d4b2a4500", "gh_393666f1fdf4")),
    group(("wx14550af28c71a144", "gh_26128078e9ab"), ("wx05d483572dcd5d8b", "gh_39abb5d4e1b7")),
    group(("wxa35b9c23cfe664eb", "gh_2b3713f184a6"), ("wx5910277cae6fd970", "gh_7818dcb60240")),
];

/// The test account of this appid.
pub(crate) fn test_account(app_id: &AuthorizerId) -> Option<TestAccount> {
    let accounts = GROUPS.into_iter().flat_map(|group| [group.official_account, group.mini_program]);
    accounts.into_iter().find(|account| account.app_id == app_id.as_str())
}
