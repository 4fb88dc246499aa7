//! What a browser says about itself. None of it is believed for more than the look of a page.

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, USER_AGENT};
use mandate_runtime::language::Language;
use mandate_worker::consent::Form;

/// The form of `WeChat`'s page for this browser. The page inside the app works on phones only.
pub(super) fn form(headers: &HeaderMap) -> Form {
    let agent = text(headers, &USER_AGENT);
    let elsewhere = ["WindowsWechat", "MacWechat", "wxwork"];
    if agent.contains("MicroMessenger") && !elsewhere.iter().any(|other| agent.contains(other)) {
        Form::InWechat
    } else {
        Form::Desktop
    }
}

/// The language that the browser likes best of ours. Who says nothing is a merchant of `WeChat`: Chinese; who names only
/// languages that we do not speak gets English.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let wanted = text(headers, &ACCEPT_LANGUAGE);
    let unknown = if wanted.is_empty() { Language::Chinese } else { Language::English };
    Language::of_accept(wanted, Language::Chinese).unwrap_or(unknown)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpRequest, test::TestRequest};

    use super::*;

    fn with(name: &'static str, value: &str) -> HttpRequest {
        TestRequest::default().insert_header((name, value.to_owned())).to_http_request()
    }

    #[test]
    fn only_the_app_on_a_phone_gets_the_form_inside_wechat() {
        let phone = "Mozilla/5.0 (iPhone) AppleWebKit/605 Mobile MicroMessenger/8.0.50 NetType/WIFI";
        assert_eq!(form(with("user-agent", phone).headers()), Form::InWechat);
        for other in [
            "",
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/130",
            "Mozilla/5.0 (iPhone) Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Windows NT 10.0) MicroMessenger/7.0.20 WindowsWechat",
            "Mozilla/5.0 (Macintosh) MicroMessenger/6.8.0 MacWechat/3.8",
            "Mozilla/5.0 (Linux; Android 14) MicroMessenger/7.0.1 wxwork/4.1.0",
        ] {
            assert_eq!(form(with("user-agent", other).headers()), Form::Desktop, "{other}");
        }
    }

    #[test]
    fn the_language_that_is_liked_best_wins() {
        use Language::{Chinese, English};
        for (wanted, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("en-US,en;q=0.9,zh;q=0.8", English),
            ("en;q=0.5, zh-TW;q=0.7", Chinese),
            ("fr, de;q=0.5", English),
            ("fr, zh;q=0.1", Chinese),
            ("en;q=0, zh;q=0", English),
            ("*", Chinese),
            ("", Chinese),
            (";q=x,,", English),
        ] {
            assert_eq!(language(with("accept-language", wanted).headers()), expected, "{wanted:?}");
        }
        assert_eq!(language(TestRequest::default().to_http_request().headers()), Chinese);
    }
}
