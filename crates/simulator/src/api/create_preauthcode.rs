//! `api_create_preauthcode`: the code for one authorization link.

use serde_json::json;

use super::{Call, Outcome};
use crate::{state::SecretKind, switches::CodeLifetimes};

pub(super) fn run(call: &mut Call) -> Outcome {
    let life = match call.state.switches.code_lifetimes {
        CodeLifetimes::Long => 1800,
        CodeLifetimes::Short => 600,
    };
    let code = call.state.mint(SecretKind::PreAuthCode);
    let now = call.now;
    call.platform_mut().add_pre_auth_code(code.clone(), now + life, now);
    json!({ "pre_auth_code": code, "expires_in": life }).into()
}
