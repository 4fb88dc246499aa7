//! Who has to act on an error of the API.

use mandate_console::Code;

use super::Whose;

pub(super) fn whose(code: Code) -> Whose {
    match code {
        Code::LoopbackOnly
        | Code::CrossOrigin
        | Code::Unauthenticated
        | Code::InsufficientScope
        | Code::OutOfReach
        | Code::TooManyRefusals
        | Code::UnknownRoute
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::UnknownParameter
        | Code::InvalidParameter
        | Code::InvalidId
        | Code::InvalidCursor
        | Code::InvalidBody
        | Code::BodyTooLarge
        | Code::BodyTooSlow
        | Code::UnsupportedMediaType
        | Code::TooManyStreams
        | Code::TooManyWebhooks
        | Code::ProxyRefused
        | Code::ComponentOnly => Whose::Caller,
        Code::LogReset | Code::NoTicket | Code::QuotaSpent | Code::StorageUnavailable => Whose::Operator,
        Code::Revoked | Code::Broken | Code::NoApiPermission => Whose::Merchant,
        Code::Erased | Code::Pending => Whose::Nobody,
        Code::UpstreamUnavailable => Whose::WeChat,
        Code::InternalError => Whose::Mandate,
    }
}
