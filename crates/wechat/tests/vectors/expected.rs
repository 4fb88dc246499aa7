//! What each push of the auth-event URL in `events.json` says.

use mandate_schema::{AuthorizerId, Secret};
use mandate_wechat::callback::{
    BetaRegistration, Dispatch, Grant, IcpApply, IcpVerify, Info, OrderPathApply, OrderPathApplyItem,
    OrderPathAudit, OrderPathAuditItem, Registration, RegistrationDetails, WxaAuth, WxaAuthAndIcp, WxaVerify,
};

const CODE: &str =
    "queryauthcode@@@aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY-zA_cD5eF7gH9iJ1kL3mN5oP7qR9sT1uV3wX5yZ7aB9cD1eF3gH5iA";
const PRE_AUTH_CODE: &str = "preauthcode@@@Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp-Oo_Nn9Mm8Ll7Kk6Jj5Ii4Hh3Gg2F";
const TICKET: &str =
    "ticket@@@Vb1yQm0Lr5TzN8dKfHs3PwXe7CjUa2RgZi4OoMt6BqYxWn9EcSv_DkLh-GpJrFuIl0A1z2Q3w4E5r6T7y8U9iA";

pub(crate) fn info(id: &str) -> Info {
    match id {
        "ev-ticket" => Info::Ticket { ticket: Secret::new(TICKET) },
        "ev-authorized" => Info::Authorized(grant(Some(PRE_AUTH_CODE))),
        "ev-authorized-no-preauthcode" => Info::Authorized(grant(None)),
        "ev-updateauthorized" => Info::UpdateAuthorized(grant(Some(PRE_AUTH_CODE))),
        "ev-unauthorized" | "ev-unauthorized-declaration" => Info::Unauthorized { authorizer: merchant() },
        "ev-fasteregister-ok" => Info::FastRegister(registration(Some(CODE))),
        "ev-fasteregister-fail" => Info::FastRegister(failed_registration()),
        "ev-fastregisterbetaapp" => Info::FastRegisterBeta(BetaRegistration {
            status: 0,
            message: Some("OK".to_owned()),
            app_id: Some(registered()),
            unique_id: Some("uid-1".to_owned()),
            name: Some("试用小程序".to_owned()),
        }),
        "ev-fastverifybetaapp" => Info::FastVerifyBeta(registration(None)),
        "ev-unknown-infotype" => Info::Other { info_type: "notify_something_new_2099".to_owned() },
        _ => filing(id),
    }
}

fn filing(id: &str) -> Info {
    match id {
        "ev-icp-verify" => Info::IcpVerify(IcpVerify {
            task_id: "icp-task-1".to_owned(),
            authorizer: merchant(),
            result: 3,
            along_with_auth_result: None,
        }),
        "ev-icp-apply" => Info::IcpApply(IcpApply { authorizer: merchant(), beian_status: 6 }),
        "ev-3rd-wxa-auth" => Info::WxaAuth(WxaAuth {
            authorizer: merchant(),
            task_id: "auth-task-1".to_owned(),
            task_status: 12,
            apply_status: Some(2),
            message: Some("dispatched".to_owned()),
            dispatch: Some(Dispatch {
                provider: Some("示例审核公司".to_owned()),
                contact: Some("0000-000000".to_owned()),
                dispatched_at: Some(time(1_767_225_500)),
            }),
        }),
        "ev-3rd-wxa-wxverify" => Info::WxaVerify(WxaVerify {
            authorizer: merchant(),
            expires_at: time(1_769_817_600),
            message: Some("expires in 30 days".to_owned()),
        }),
        "ev-auth-and-icp" => {
            Info::WxaAuthAndIcp(WxaAuthAndIcp { procedure_id: "proc-1".to_owned(), procedure_status: 18 })
        }
        "ev-order-path-apply" => Info::OrderPathApply(OrderPathApply {
            items: vec![OrderPathApplyItem { authorizer: merchant(), audit_id: None, ret_code: 0 }],
        }),
        "ev-order-path-audit" => Info::OrderPathAudit(OrderPathAudit {
            items: vec![OrderPathAuditItem {
                authorizer: merchant(),
                audit_id: Some("1001".to_owned()),
                status: 4,
                applied_at: Some(time(1_767_220_000)),
                audited_at: Some(time(1_767_225_500)),
                reason: None,
            }],
        }),
        _ => panic!("{id}: nothing is expected"),
    }
}

fn grant(pre_auth_code: Option<&str>) -> Grant {
    Grant {
        authorizer: merchant(),
        code: Some(Secret::new(CODE)),
        code_expires_at: Some(time(1_767_229_200)),
        pre_auth_code: pre_auth_code.map(Secret::new),
    }
}

fn registration(code: Option<&str>) -> Registration {
    Registration {
        status: 0,
        message: Some("OK".to_owned()),
        app_id: Some(registered()),
        code: code.map(Secret::new),
        details: details(Some("0755-00000000")),
    }
}

fn failed_registration() -> Registration {
    Registration {
        status: -1,
        message: Some("check legal persona and enterprise fail".to_owned()),
        app_id: None,
        code: None,
        details: details(None),
    }
}

fn details(component_phone: Option<&str>) -> RegistrationDetails {
    RegistrationDetails {
        name: Some("示例企业".to_owned()),
        code: Some("91440300MA5EXAMPLE".to_owned()),
        code_type: Some(1),
        legal_persona_wechat: Some("legal_wx".to_owned()),
        legal_persona_name: Some("张三".to_owned()),
        component_phone: component_phone.map(str::to_owned),
        wxuser: None,
        idname: None,
    }
}

fn merchant() -> AuthorizerId {
    AuthorizerId::parse("wxa0b1c2d3e4f50617").unwrap()
}

fn registered() -> AuthorizerId {
    AuthorizerId::parse("wxb1b2b3b4b5b6b7b8").unwrap()
}

fn time(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}
