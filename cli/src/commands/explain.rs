//! `mandate explain`.

use crate::{
    args::Global,
    exit::CliError,
    explain::{Explanation, all_codes, explain},
    output::{self, Format, line},
};
use mandate_runtime::language::Language;

/// Names that are this near to an unknown one are offered instead.
const NEAR: f64 = 0.75;

pub(super) fn run(global: &Global, code: &str) -> Result<(), CliError> {
    let language = global.language();
    let found = explain(code, language);
    if found.is_empty() {
        return Err(unknown(code, language));
    }
    match global.output {
        Format::Table => found.iter().try_for_each(|one| print(one, language)),
        format => output::list(&found, format, [], |_| []),
    }
}

fn print(one: &Explanation, language: Language) -> Result<(), CliError> {
    let label = |english, chinese| language.pick(english, chinese);
    let Explanation { code, of, meaning, fault, cure, retry } = one;
    line(format!("{code}  {of}"))?;
    line(format!("  {} {meaning}", label("meaning: ", "含义：")))?;
    line(format!("  {} {fault}", label("fault:   ", "责任：")))?;
    line(format!("  {} {cure}", label("do:      ", "处理：")))?;
    match retry {
        Some(retry) => line(format!("  {} {retry}", label("retried: ", "重试："))),
        None => Ok(()),
    }
}

fn unknown(code: &str, language: Language) -> CliError {
    let near = all_codes().into_iter().map(|known| (strsim::jaro_winkler(code, &known), known));
    let near = near.filter(|(score, known)| *score > NEAR && known.parse::<i64>().is_err());
    let best = near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known);
    let hint = match (best, language) {
        (Some(known), Language::English) => format!("; did you mean {known}?"),
        (Some(known), Language::Chinese) => format!("，是否要查询 {known}？"),
        (None, Language::English) => {
            ". Calls that WeChat refuses with an unknown number are not repeated; its \
             errmsg and rid are all that is known, and WeChat's developer pages may list it"
                .to_owned()
        }
        (None, Language::Chinese) => {
            "。微信返回未知错误码时不会重试；请参考 errmsg、rid 以及微信开发者文档".to_owned()
        }
    };
    CliError::NotFound(match language {
        Language::English => format!("{code} is not known here{hint}"),
        Language::Chinese => format!("未找到 {code}{hint}"),
    })
}
