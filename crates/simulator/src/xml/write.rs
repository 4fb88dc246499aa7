//! Writing documents in the styles that were seen of `WeChat`.

use crate::switches::{XmlStyle, XmlText};

/// One element: a text, a bare number, or further elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// What stands inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text, in CDATA unless the switch says plain.
    Text(String),
    /// A number, never in CDATA.
    Number(i64),
    /// Nested elements.
    Children(Vec<Element>),
}

impl Element {
    /// An element with text.
    pub(crate) fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.into(), content: Content::Text(text.into()) }
    }

    /// An element with a number.
    pub(crate) fn number(name: &str, number: i64) -> Self {
        Self { name: name.into(), content: Content::Number(number) }
    }
}

/// Writes a document with root `xml`.
pub(crate) fn document(elements: &[Element], style: XmlStyle, text: XmlText) -> String {
    let writer = Writer { newline: if style == XmlStyle::OneLine { "" } else { "\n" }, text };
    let mut out = String::new();
    match style {
        XmlStyle::Newlines | XmlStyle::OneLine => {
            out.push_str("<xml>");
            writer.children(&mut out, elements.iter());
            out.push_str("</xml>");
        }
        XmlStyle::Declared => {
            out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n");
            writer.children(&mut out, elements.iter().rev());
            out.push_str("</xml>\n");
        }
    }
    out
}

/// Writes the outer document of a push: one field in the clear, then `Encrypt`, indented as `WeChat` does.
pub(crate) fn envelope(name: &str, value: &str, encrypted: &str) -> String {
    format!(
        "<xml>\n    <{name}>{}</{name}>\n    <Encrypt>{}</Encrypt>\n</xml>\n",
        cdata(value),
        cdata(encrypted)
    )
}

struct Writer {
    newline: &'static str,
    text: XmlText,
}

impl Writer {
    fn children<'a>(&self, out: &mut String, elements: impl Iterator<Item = &'a Element>) {
        for element in elements {
            self.element(out, element);
            out.push_str(self.newline);
        }
    }

    fn element(&self, out: &mut String, element: &Element) {
        let name = &element.name;
        out.extend(["<", name, ">"]);
        match &element.content {
            Content::Text(text) => out.push_str(&match self.text {
                XmlText::Cdata => cdata(text),
                XmlText::Plain => escape(text),
            }),
            Content::Number(number) => out.push_str(&number.to_string()),
            Content::Children(children) => {
                out.push_str(self.newline);
                self.children(out, children.iter());
            }
        }
        out.extend(["</", name, ">"]);
    }
}

/// A text as CDATA; `]]>` inside is split over two sections.
fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Element> {
        let info = Content::Children(vec![Element::text("name", "a<b]]>c")]);
        vec![
            Element::text("AppId", "wx1f2e3d4c5b6a7988"),
            Element::number("CreateTime", 1_767_225_600),
            Element { name: "info".into(), content: info },
        ]
    }

    #[test]
    fn newlines_and_cdata_look_like_a_captured_push() {
        assert_eq!(
            document(&sample(), XmlStyle::Newlines, XmlText::Cdata),
            "<xml><AppId><![CDATA[wx1f2e3d4c5b6a7988]]></AppId>\n<CreateTime>1767225600</CreateTime>\n\
             <info>\n<name><![CDATA[a<b]]]]><![CDATA[>c]]></name>\n</info>\n</xml>"
        );
    }

    #[test]
    fn one_line_has_no_white_space_between_elements() {
        assert_eq!(
            document(&sample(), XmlStyle::OneLine, XmlText::Plain),
            "<xml><AppId>wx1f2e3d4c5b6a7988</AppId><CreateTime>1767225600</CreateTime>\
             <info><name>a&lt;b]]&gt;c</name></info></xml>"
        );
    }

    #[test]
    fn declared_turns_the_order_and_ends_with_a_newline() {
        let text = document(&sample(), XmlStyle::Declared, XmlText::Cdata);
        assert!(text.starts_with("<?xml version") && text.ends_with("</xml>\n"));
        assert!(text.find("<info>") < text.find("<AppId>"));
    }
}
