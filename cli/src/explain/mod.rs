//! What a code means, whose fault it is and what to do: the numbers of `WeChat`, the API's codes, events, and reasons.

mod events;
mod problems;
mod reasons;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use mandate_console::Code;
use mandate_runtime::language::Language;
use mandate_schema::EVENT_NAMES;
use mandate_wechat::errors::{self, Fault, Retry};
use mandate_worker::{DEAD_LETTER_REASONS, WAITING_REASONS};
use serde::Serialize;

/// A text in English and Chinese.
pub(crate) type Both = (&'static str, &'static str);

/// One meaning of a code.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Explanation {
    pub(crate) code: String,
    /// Whose code it is.
    pub(crate) of: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) cure: &'static str,
    /// Whether a refused call is repeated, for numbers of `WeChat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<&'static str>,
}

/// Who has to act.
#[derive(Clone, Copy, Debug)]
enum Whose {
    /// Nobody has to.
    Nobody,
    /// Whoever wrote the calling program.
    Caller,
    /// Who runs Mandate and the component.
    Operator,
    /// The account that authorizes.
    Merchant,
    /// A user of the account.
    User,
    /// `WeChat`.
    WeChat,
    /// A defect of this program.
    Mandate,
}

impl Whose {
    fn text(self) -> Both {
        match self {
            Self::Nobody => ("nobody's: it happens in normal operation", "无：属于正常情况"),
            Self::Caller => ("the calling program's: the request is wrong", "调用方：请求有误"),
            Self::Operator => (
                "the operator's: a setting of Mandate or of the component",
                "运维人员：Mandate 或第三方平台的配置",
            ),
            Self::Merchant => {
                ("the merchant's: permissions or standing of the account", "商户：账号的权限或状态")
            }
            Self::User => ("the user's, or of the person a registration is for", "用户，或注册对应的个人"),
            Self::WeChat => ("WeChat's", "微信"),
            Self::Mandate => ("Mandate's: please report it", "Mandate 的缺陷：请反馈"),
        }
    }
}

impl From<Fault> for Whose {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Nobody => Self::Nobody,
            Fault::Us => Self::Caller,
            Fault::Platform => Self::Operator,
            Fault::Merchant => Self::Merchant,
            Fault::User => Self::User,
            Fault::WeChat => Self::WeChat,
        }
    }
}

/// What is known about a code, in every place that uses it. Case, the prefix `errcode` and the form of published types are
/// not minded.
pub(crate) fn explain(code: &str, language: Language) -> Vec<Explanation> {
    let wanted = code.trim().to_ascii_lowercase();
    let wanted = wanted.trim_start_matches("errcode").trim_start_matches(['=', ':', ' ']);
    let name = wanted.strip_prefix("mandate.").and_then(|name| name.strip_suffix(".v1")).unwrap_or(wanted);
    let found = [
        wanted.parse().ok().and_then(|number| of_number(number, language)),
        Code::ALL.into_iter().find(|code| code.as_str() == name).map(|code| of_problem(code, language)),
        events::lookup(name).map(|entry| of_name(name, EVENT, entry, language)),
        reasons::dead_letter(name).map(|entry| of_name(name, DEAD_LETTER, entry, language)),
        reasons::waiting(name).map(|entry| of_name(name, WAITING, entry, language)),
    ];
    found.into_iter().flatten().collect()
}

/// Every code, for those who do not remember one.
pub(crate) fn all_codes() -> BTreeSet<String> {
    let numbers = errors::all().map(|entry| entry.code.to_string());
    let names = Code::ALL.into_iter().map(Code::as_str).chain(EVENT_NAMES).chain([events::MESSAGE]);
    let reasons = DEAD_LETTER_REASONS.into_iter().chain(WAITING_REASONS);
    numbers.chain(names.chain(reasons).map(str::to_owned)).collect()
}

const WECHAT: Both = ("error number of WeChat", "微信错误码");
const PROBLEM: Both = ("error code of the API", "API 错误码");
const EVENT: Both = ("event", "事件");
const DEAD_LETTER: Both = ("reason of a dead letter", "死信原因");
const WAITING: Both = ("reason why a task waits", "任务等待的原因");

/// Meaning, who has to act, and what to do.
type Entry = (Both, Whose, Both);

fn of_name(code: &str, of: Both, (meaning, whose, cure): Entry, language: Language) -> Explanation {
    let text = |(english, chinese): Both| language.pick(english, chinese);
    let (of, meaning, fault, cure) = (text(of), text(meaning), text(whose.text()), text(cure));
    Explanation { code: code.to_owned(), of, meaning, fault, cure, retry: None }
}

fn of_problem(code: Code, language: Language) -> Explanation {
    let about = |language| code.about(language);
    let (english, chinese) = (about(Language::English), about(Language::Chinese));
    let entry = ((english.title, chinese.title), problems::whose(code), (english.cure, chinese.cure));
    of_name(code.as_str(), PROBLEM, entry, language)
}

fn of_number(number: i64, language: Language) -> Option<Explanation> {
    let entry = errors::lookup(number)?;
    let texts = ((entry.meaning, entry.meaning_zh), entry.fault.into(), (entry.cure(), entry.cure_zh()));
    let (english, chinese) = match entry.retry {
        Retry::Never => ("no: it would be refused again", "否：会再次被拒绝"),
        Retry::Later => ("yes, after a pause that grows", "是，间隔逐渐增大"),
        Retry::NextDay => ("not before the next day in China", "次日（北京时间）之前不再调用"),
        Retry::OnceAfter(_) => ("once, after its repair", "修复后重试一次"),
    };
    let explanation = of_name(&number.to_string(), WECHAT, texts, language);
    Some(Explanation { retry: Some(language.pick(english, chinese)), ..explanation })
}
