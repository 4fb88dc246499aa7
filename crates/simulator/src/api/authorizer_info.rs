//! `api_get_authorizer_info`: an account's profile, what it granted, and its refresh token once more.

use serde_json::{Value, json};

use super::{ApiError, Call, Outcome, errors, query_auth::func_info};
use crate::{
    state::{Account, AccountKind},
    switches::Presence,
};

pub(super) fn run(call: &mut Call) -> Result<Outcome, ApiError> {
    let authorizer = call.authorizer()?;
    let authorization = call.authorization(&authorizer)?;
    let account = call.state.accounts.get(&authorizer).ok_or(ApiError::new(errors::NOT_AUTHORIZED))?;
    let mut granted = json!({
        "authorizer_appid": authorizer,
        "func_info": func_info(&authorization.permissions),
    });
    let shown = call.state.switches.refresh_token_in_info == Presence::Present;
    if let Some(token) = authorization.refresh_token().filter(|_| shown) {
        granted["authorizer_refresh_token"] = json!(token);
    }
    Ok(json!({ "authorizer_info": profile(account), "authorization_info": granted }).into())
}

fn profile(account: &Account) -> Value {
    let verified = json!({ "id": 0 });
    let mut profile = json!({
        "nick_name": account.nick_name,
        "head_img": format!("http://wx.qlogo.cn/mmopen/{}/0", account.user_name),
        "verify_type_info": verified,
        "user_name": account.user_name,
        "alias": "",
        "qrcode_url": format!("http://mmbiz.qpic.cn/mmbiz_jpg/{}/0", account.user_name),
        "principal_name": account.principal_name,
        "signature": "",
        "idc": 1,
        "business_info": { "open_pay": 0, "open_shake": 0, "open_scan": 0, "open_card": 0, "open_store": 0 },
        "account_status": 1,
        "register_type": 0,
        "basic_config": { "is_phone_configured": true, "is_email_configured": true },
    });
    match account.kind {
        AccountKind::OfficialAccount => profile["service_type_info"] = json!({ "id": 2 }),
        AccountKind::MiniProgram => {
            profile["service_type_info"] = json!({ "id": 0 });
            profile["MiniProgramInfo"] = json!({
                "network": {
                    "RequestDomain": ["https://example.com"], "WsRequestDomain": [], "UploadDomain": [],
                    "DownloadDomain": [], "BizDomain": [], "UDPDomain": [], "TCPDomain": [],
                },
                "categories": [{ "first": "生活服务", "second": "餐饮" }],
                "visit_status": 0,
            });
        }
    }
    profile
}
