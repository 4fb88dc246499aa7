//! The two languages that people are answered in, and how a caller asks for one.

/// A language of pages, problems and explanations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English, which programs and logs use.
    #[default]
    English,
}

impl Language {
    /// The language that an `Accept-Language` header prefers of ours; `any` for `*`. `None`: it names neither.
    pub fn of_accept(header: &str, any: Self) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for entry in header.split(',') {
            let (tag, rest) = entry.split_once(';').unwrap_or((entry, ""));
            let quality = rest.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse).unwrap_or(0.0);
            let language = match primary(tag).as_str() {
                "*" => any,
                tag => match Self::of_primary(tag) {
                    Some(language) => language,
                    None => continue,
                },
            };
            if quality > best.map_or(0.0, |(quality, _)| quality) {
                best = Some((quality, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// The language of a locale such as `zh_CN.UTF-8`; English for all that are not Chinese.
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@']).next().unwrap_or_default();
        Self::of_primary(&primary(language)).unwrap_or_default()
    }

    /// The language of this process: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that says something.
    pub fn of_environment() -> Self {
        let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
        Self::of_locale(&named.into_iter().find(|value| !value.is_empty()).unwrap_or_default())
    }

    /// The tag, as in `<html lang>` and `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// One of two texts.
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    fn of_primary(tag: &str) -> Option<Self> {
        match tag {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }
}

/// The first part of a tag, in lower case.
fn primary(tag: &str) -> String {
    tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English};

    #[test]
    fn the_preferred_language_of_a_header_wins() {
        for (header, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Chinese)),
            ("en-US,en;q=0.9,zh;q=0.8", Some(English)),
            ("en;q=0.5, zh-TW;q=0.7", Some(Chinese)),
            ("fr, zh;q=0.1", Some(Chinese)),
            ("fr, de;q=0.5", None),
            ("en;q=0, zh;q=0", None),
            ("*", Some(English)),
            ("", None),
            (";q=x,,", None),
        ] {
            assert_eq!(Language::of_accept(header, English), expected, "{header:?}");
        }
        assert_eq!(Language::of_accept("*", Chinese), Some(Chinese));
    }

    #[test]
    fn a_locale_is_chinese_or_else_english() {
        for (locale, expected) in [
            ("zh_CN.UTF-8", Chinese),
            ("zh_TW", Chinese),
            ("zh", Chinese),
            ("en_GB.UTF-8", English),
            ("de_DE@euro", English),
            ("C.UTF-8", English),
            ("", English),
        ] {
            assert_eq!(Language::of_locale(locale), expected, "{locale:?}");
        }
    }
}
