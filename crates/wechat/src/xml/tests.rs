use super::*;
use crate::tree::{MAX_DEPTH, MAX_ELEMENTS, MAX_NAME_BYTES};

fn texts(xml: &str) -> Vec<(String, Vec<String>)> {
    let document = parse(xml).unwrap().document();
    document.iter().map(|(path, texts)| (path.to_owned(), texts.to_vec())).collect()
}

#[track_caller]
fn assert_text(xml: &str, expected: &str) {
    assert_eq!(parse(xml).map(|root| root.text).as_deref(), Ok(expected), "{xml}");
}

#[track_caller]
fn assert_refused(xml: &str, expected: TreeError) {
    assert_eq!(parse(xml).err(), Some(expected), "{xml}");
}

#[test]
fn text_cdata_and_references_are_joined() {
    assert_text(
        "<x>a &amp; b&#x4f60;&#22909;<![CDATA[<&amp;>]]>&lt;&gt;&quot;&apos;</x>",
        "a & b你好<&amp;><>\"'",
    );
}

#[test]
fn comments_do_not_split_a_text() {
    assert_text("<!-- head --><x>a<!-- & <b> -->b</x><!-- tail -->", "ab");
}

#[test]
fn white_space_around_cdata_is_layout_and_all_other_is_kept() {
    assert_text("<x>\n  <![CDATA[ a ]]>\n</x>", " a ");
    assert_text("<x><![CDATA[a]]> <![CDATA[b]]>\r\n</x>", "a b");
    assert_text("<x> a <![CDATA[b]]> c </x>", " a b c ");
    assert_text("<x> a </x>", " a ");
}

#[test]
fn an_element_without_text_is_kept_as_an_empty_one() {
    let expected = vec![("a".to_owned(), vec![String::new()]), ("b".to_owned(), vec![String::new()])];
    assert_eq!(texts("<x><a/><b></b></x>"), expected);
}

#[test]
fn every_occurrence_of_a_path_is_kept_in_order() {
    let xml = "<x><list><id>1</id></list>\n<list><id>2</id><ok>y</ok></list>mixed</x>";
    let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = vec![("list.id".to_owned(), list(&["1", "2"])), ("list.ok".to_owned(), list(&["y"]))];
    assert_eq!(texts(xml), expected);
}

#[test]
fn text_beside_children_is_not_lost() {
    let xml = "<x><a>own<b>inner</b></a></x>";
    let expected =
        vec![("a".to_owned(), vec!["own".to_owned()]), ("a.b".to_owned(), vec!["inner".to_owned()])];
    assert_eq!(texts(xml), expected);
}

#[test]
fn a_declaration_is_allowed_at_the_start_only() {
    assert_text("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x>a</x>\n", "a");
    assert_text("\n<?xml version=\"1.0\"?><x>a</x>", "a");
    assert_refused("<x/><?xml version=\"1.0\"?>", TreeError::ProcessingInstruction);
    assert_refused("<?xml version=\"1.0\"?><?xml version=\"1.0\"?><x/>", TreeError::ProcessingInstruction);
    assert_refused("<?php echo 1 ?><x/>", TreeError::ProcessingInstruction);
}

#[test]
fn a_doctype_is_refused_and_its_entities_are_never_expanded() {
    let dtd = "<!DOCTYPE x [<!ENTITY e \"expanded\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
    assert_refused(&format!("{dtd}<x>&e;</x>"), TreeError::Doctype);
    assert_refused(&format!("<x>a{dtd}</x>"), TreeError::Doctype);
    assert_refused("<!doctype x><x/>", TreeError::Doctype);
    for entity in ["e", "nbsp", "AMP", ""] {
        assert!(parse(&format!("<x>&{entity};</x>")).is_err(), "&{entity}; was accepted");
    }
    assert_refused("<x>&e;</x>", TreeError::UnknownEntity);
}

#[test]
fn characters_outside_xml_are_replaced_and_counted_however_they_are_written() {
    for number in ["0", "x0", "1", "x1F", "xD800", "xFFFE", "x110000", "99999999999", "xffffffffffffffff"] {
        let text = format!("<x>a&#{number};b</x>");
        let (root, replaced) = read(&text).unwrap();
        assert_eq!((root.text.as_str(), replaced), ("a\u{fffd}b", 1), "{number}");
    }
    assert_text("<x>&#9;&#x1F600;</x>", "\t😀");
    assert_text("<x>a\0<![CDATA[\x08]]></x>", "a\u{fffd}\u{fffd}");
    for number in ["-1", "x", "", "+1", "1x", "xg", " 1"] {
        assert_refused(&format!("<x>&#{number};</x>"), TreeError::NotWellFormed);
    }
}

#[test]
fn what_was_replaced_around_the_root_is_no_text() {
    assert_text("\0<x>a</x>\0\0", "a");
    assert_text("\0<?xml version=\"1.0\"?><x>a</x> \x1a\n", "a");
    assert_refused("<x>a</x>\0b", TreeError::NotWellFormed);
    assert_refused("<x\0y>a</x\0y>", TreeError::NotWellFormed);
}

#[test]
fn documents_that_end_early_are_refused() {
    for xml in ["", " \n", "<!-- only -->", "<x>", "<x><a>", "<x><a>text</a>", "<x>text"] {
        assert_refused(xml, TreeError::Truncated);
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let broken = [
        "hello",
        "<",
        "<>",
        "<x",
        "<x/",
        "</x>",
        "<x></y>",
        "<x><a></x></a>",
        "<x/><y/>",
        "<x/>tail",
        "head<x/>",
        "<x/><![CDATA[a]]>",
        "<x/>&amp;",
        "<x>&</x>",
        "<x>& </x>",
        "<x>&amp</x>",
        "<x><![CDATA[a]]</x>",
        "<1/>",
        "<x y/>",
        "<x y=1/>",
        "<x a=\"1\" a=\"2\"/>",
        "<x<y/>",
        "<x></x y>",
        "<!x><x/>",
    ];
    for xml in broken {
        assert_refused(xml, TreeError::NotWellFormed);
    }
}

#[test]
fn attributes_are_ignored() {
    assert_text("<x a=\"1\" b='>'>t</x>", "t");
}

#[test]
fn depth_number_and_names_of_elements_are_limited() {
    let nested = |depth: usize| "<x>".repeat(depth) + &"</x>".repeat(depth);
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_refused(&nested(MAX_DEPTH + 1), TreeError::TooDeep);
    let wide = |count: usize| format!("<x>{}</x>", "<a/>".repeat(count - 1));
    assert!(parse(&wide(MAX_ELEMENTS)).is_ok());
    assert_refused(&wide(MAX_ELEMENTS + 1), TreeError::TooManyElements);
    let named = |length: usize| format!("<x><{0}/></x>", "n".repeat(length));
    assert!(parse(&named(MAX_NAME_BYTES)).is_ok());
    assert_refused(&named(MAX_NAME_BYTES + 1), TreeError::NameTooLong);
    let outer = "n".repeat(MAX_NAME_BYTES);
    let long = |count: usize| format!("<x><{outer}>{}</{outer}></x>", "<a/>".repeat(count));
    assert!(parse(&long(500)).is_ok());
    let longer = format!("<x><{outer}><{outer}>{}</{outer}></{outer}></x>", "<a/>".repeat(900));
    assert_refused(&longer, TreeError::PathsTooLong);
}

#[test]
fn debug_shows_no_text() {
    let root = parse("<xml><ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket></xml>").unwrap();
    assert_eq!(format!("{root:?}"), "<xml>[<ComponentVerifyTicket>]");
}
