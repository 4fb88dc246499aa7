//! Addresses of `WeChat`'s page and of the page that a merchant is led on to.

use mandate_schema::{AuthorizerId, Secret};
use mandate_storage::{ConsentTerms, ConsentVisit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::{ConsentResult, ConsentSettings, LINES, links::TermsError};

/// What stands in a query as it is (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest address that a merchant is led on to, in bytes.
const RETURN_URL_MAX: usize = 1_024;

/// The form of `WeChat`'s page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The merchant scans a QR code with a phone.
    Desktop,
    /// Inside `WeChat`'s app.
    InWechat,
}

impl ConsentSettings {
    /// The address of `WeChat`'s page. The fragment of the form inside the app is required.
    pub(super) fn wechat_page(
        &self,
        form: Form,
        terms: &ConsentTerms,
        pre_auth: &Secret,
        state: &str,
    ) -> Secret {
        let (base, path, fragment) = match form {
            Form::Desktop => (&self.base, "/cgi-bin/componentloginpage?", ""),
            Form::InWechat => (
                &self.mobile_base,
                "/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&",
                "#wechat_redirect",
            ),
        };
        let ConsentTerms { component, auth_type, biz_appid, category_ids, .. } = terms;
        let pre_auth = encode(pre_auth.expose());
        let back = encode(&format!("{}/authorize/return/{state}", self.public_url));
        let mut query = vec![
            format!("component_appid={component}"),
            format!("pre_auth_code={pre_auth}"),
            format!("redirect_uri={back}"),
            format!("auth_type={auth_type}"),
        ];
        query.extend(biz_appid.as_ref().map(|account| format!("biz_appid={account}")));
        if !category_ids.is_empty() {
            let ids: Vec<String> = category_ids.iter().map(u32::to_string).collect();
            query.push(format!("category_id_list={}", ids.join("%7C")));
        }
        let query = query.join("&");
        Secret::new(format!("{base}{path}{query}{fragment}"))
    }

    /// Where a merchant is led on to; `None` also if the host is not registered any more.
    pub(super) fn onward(&self, visit: &ConsentVisit, result: &ConsentResult) -> Option<String> {
        let url = visit.terms.return_url.as_ref()?;
        match self.check_return_url(url) {
            Ok(()) => onward(url, result.as_str(), result.authorizer()),
            Err(error) => {
                if let Some(unlogged) = LINES.admit() {
                    tracing::warn!(%error, unlogged, "a merchant is not led on");
                }
                None
            }
        }
    }

    /// Checks where a merchant is to be led on to.
    ///
    /// # Errors
    ///
    /// [`TermsError::ReturnUrl`].
    pub(super) fn check_return_url(&self, text: &str) -> Result<(), TermsError> {
        let refuse = |reason: String| Err(TermsError::ReturnUrl(reason));
        if text.len() > RETURN_URL_MAX {
            return refuse(format!("must be {RETURN_URL_MAX} bytes at most"));
        }
        let Ok(url) = Url::parse(text) else { return refuse("is not an address".to_owned()) };
        let (Some(host), "http" | "https") = (url.host_str(), url.scheme()) else {
            return refuse("must begin with https:// or http://".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not name a user".to_owned());
        }
        let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        if self.return_hosts.contains(&host) {
            return Ok(());
        }
        refuse(format!("leads to {host}, which is not among [worker] return_hosts"))
    }
}

/// The address that a merchant is led on to, with the outcome.
fn onward(return_url: &str, status: &str, authorizer: Option<&AuthorizerId>) -> Option<String> {
    let mut url = Url::parse(return_url).ok()?;
    url.query_pairs_mut()
        .append_pair("mandate_status", status)
        .append_pair("authorizer", authorizer.map_or("", AuthorizerId::as_str));
    Some(url.into())
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ConsentSettings {
        ConsentSettings {
            public_url: "https://auth.example.com".into(),
            base: "https://mp.weixin.qq.com".into(),
            mobile_base: "https://open.weixin.qq.com".into(),
            open: false,
            return_hosts: vec!["shop.example.com".into(), "127.0.0.1:8000".into(), "[::1]:8000".into()],
        }
    }

    fn terms() -> ConsentTerms {
        ConsentTerms {
            component: "wx1f2e3d4c5b6a7988".parse().unwrap(),
            auth_type: 3,
            biz_appid: None,
            category_ids: Vec::new(),
            return_url: None,
            tag: None,
        }
    }

    #[test]
    fn both_forms_of_the_page_have_their_parameters_encoded() {
        let code = Secret::new("preauthcode@@@a+b");
        assert_eq!(
            settings().wechat_page(Form::Desktop, &terms(), &code, "s-_1").expose(),
            "https://mp.weixin.qq.com/cgi-bin/componentloginpage?component_appid=wx1f2e3d4c5b6a7988\
             &pre_auth_code=preauthcode%40%40%40a%2Bb&redirect_uri=https%3A%2F%2Fauth.example.com%2Fauthorize%2Freturn%2Fs-_1\
             &auth_type=3"
        );
        let account = "wxa0b1c2d3e4f50617".parse().unwrap();
        let terms =
            ConsentTerms { auth_type: 1, biz_appid: Some(account), category_ids: vec![1, 15], ..terms() };
        assert_eq!(
            settings().wechat_page(Form::InWechat, &terms, &Secret::new("p"), "s").expose(),
            "https://open.weixin.qq.com/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1\
             &component_appid=wx1f2e3d4c5b6a7988&pre_auth_code=p&redirect_uri=https%3A%2F%2Fauth.example.com%2Fauthorize%2Freturn%2Fs\
             &auth_type=1&biz_appid=wxa0b1c2d3e4f50617&category_id_list=1%7C15#wechat_redirect"
        );
    }

    #[test]
    fn a_merchant_is_led_on_to_registered_hosts_only() {
        let settings = settings();
        for good in [
            "https://shop.example.com/done?a=1",
            "http://SHOP.example.com",
            "https://shop.example.com:443/",
            "http://127.0.0.1:8000/x",
            "http://[::1]:8000/x",
        ] {
            assert_eq!(settings.check_return_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/done",
            "//shop.example.com/",
            "shop.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example.com/",
            "https://shop.example.com:8443/",
            "https://shop.example.com.evil.example/",
            "https://evil.example/?https://shop.example.com",
            "https://shop.example.com@evil.example/",
            "https://user@shop.example.com/",
            "https://evil.example\\@shop.example.com/",
            "http://127.0.0.1/",
            &format!("https://shop.example.com/{}", "x".repeat(RETURN_URL_MAX)),
        ] {
            assert!(settings.check_return_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_outcome_is_added_to_the_query() {
        let account: AuthorizerId = "wxa0b1c2d3e4f50617".parse().unwrap();
        assert_eq!(
            onward("https://shop.example.com/done?a=1#top", "authorized", Some(&account)).unwrap(),
            "https://shop.example.com/done?a=1&mandate_status=authorized&authorizer=wxa0b1c2d3e4f50617#top"
        );
        assert_eq!(
            onward("https://shop.example.com", "refused", None).unwrap(),
            "https://shop.example.com/?mandate_status=refused&authorizer="
        );
    }
}
